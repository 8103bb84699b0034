import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { looksGood, PHONE } from './axe';
import { openBrowser, openPage, screenshot, type Watched } from './browser';
import { GroundControl } from './ground-control';

// A certified issuer, with its own pages for the sign-in there.
const GROUPS: Record<string, unknown> = { major: ['crew', 'admins'], tom: 'crew', nobody: [] };

let issuer: Server;
let groundControl: GroundControl;
let browser: Browser;

beforeAll(async () => {
  // Each has to know the other's address.
  let answer: RequestListener = (_, response) => response.writeHead(503).end();
  issuer = createServer((request, response) => answer(request, response));
  await new Promise<void>((done) => issuer.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  groundControl = await GroundControl.at('127.0.0.1', [
    ...['--oidc-issuer', url, '--oidc-client-id', 'stardust', '--oidc-label', 'Mission'],
    ...['--oidc-role', 'viewer=crew', '--oidc-role', 'admin=admins'],
  ]);
  answer = new Provider(url, {
    clients: [
      {
        client_id: 'stardust',
        token_endpoint_auth_method: 'none',
        redirect_uris: [`${groundControl.url}/api/auth/oidc/callback`],
      },
    ],
    claims: { openid: ['sub', 'groups'], profile: ['preferred_username'] },
    conformIdTokenClaims: false,
    cookies: { keys: ['for the tests alone'] },
    findAccount: (_: unknown, id: string) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: `${id} at home`, groups: GROUPS[id] }),
    }),
  }).callback();
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  await groundControl?.stop();
  issuer?.close();
});

let page: Page | null = null;

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail' && page) await screenshot(page, 'elsewhere-failed');
});

/** Through the issuer's own pages, and back. */
async function signInThere(watched: Watched, name: string): Promise<void> {
  page = watched.page;
  await page.getByTestId('login-elsewhere').click();
  await page.locator('input[name=login]').fill(name);
  await page.locator('input[name=password]').fill('any will do');
  await page.locator('button[type=submit]').click();
  await page.locator('button[type=submit]').click();
  await page.waitForURL((at) => at.href.startsWith(groundControl.url));
}

test('somebody signs in there and may here what their groups bring', async () => {
  for (const [name, may, look] of [
    ['major', true, { viewport: { width: 1440, height: 900 } }],
    ['tom', false, PHONE],
  ] as const) {
    const watched = await openPage(browser, look, groundControl.url);
    await watched.page.goto(groundControl.url);
    await watched.page.getByText('Sign in with Mission').waitFor();
    await looksGood(watched.page, `elsewhere ${name}`);
    await screenshot(watched.page, `elsewhere-login-${name}`);
    await signInThere(watched, name);
    const session = await watched.page.evaluate(() => fetch('/api/auth/session').then((a) => a.json()));
    expect(session.username).toBe(`${name} at home`);
    expect(session.role).toBe(may ? 'admin' : 'viewer');
    expect(session.everywhere.includes('administer')).toBe(may);
    await watched.page.context().close();
  }
});

test('who may nothing here is told so', async () => {
  const watched = await openPage(browser, { viewport: { width: 1440, height: 900 } }, groundControl.url);
  await watched.page.goto(groundControl.url);
  await signInThere(watched, 'nobody');
  await watched.page.getByTestId('login-refused').waitFor();
  expect(await watched.page.getByTestId('login-refused').innerText()).toContain('may do nothing here');
  await screenshot(watched.page, 'elsewhere-refused');
});
