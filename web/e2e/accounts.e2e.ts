import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { looksGood, PHONE } from './axe';
import { openBrowser, openPage, screenshot, signIn, type Watched } from './browser';
import { GroundControl } from './ground-control';

const DESK = { viewport: { width: 1440, height: 900 } };
const CHOSEN = 'turn and face the strange';

let groundControl: GroundControl;
let browser: Browser;
let admin: Watched;
/** Of others than the admin, each in a browser of its own. */
const open: Watched[] = [];

beforeAll(async () => {
  [groundControl, browser] = await Promise.all([GroundControl.at('127.0.0.1'), openBrowser()]);
  admin = await openPage(browser, DESK, groundControl.url);
  await signIn(admin.page, groundControl);
});

afterAll(async () => {
  await browser?.close();
  await groundControl?.stop();
});

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  await screenshot(admin.page, 'accounts-failed-admin');
  for (const [at, { page }] of open.entries()) {
    if (!page.isClosed()) await screenshot(page, `accounts-failed-${at}`);
  }
});

/** As the page itself asks, with its cookie. */
function ask(page: Page, method: string, path: string, body?: unknown) {
  return page.evaluate(
    async ([method, path, body]) => {
      const session = await (await fetch('/api/auth/session')).json();
      const response = await fetch(path, {
        method,
        headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': session.csrf },
        body: body === null ? undefined : JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, body: text === '' ? null : JSON.parse(text) };
    },
    [method, path, body ?? null] as const,
  );
}

async function settings(page: Page, tab: string) {
  await page.goto(`${groundControl.url}/settings/${tab}`);
}

async function action(page: Page, of: string, name: string) {
  await page.getByRole('button', { name: `Actions for ${of}` }).click();
  await page.getByRole('menuitem', { name, exact: true }).click();
}

async function logIn(username: string, password: string, size: object = DESK): Promise<Watched> {
  const watched = await openPage(browser, size, groundControl.url);
  open.push(watched);
  const { page } = watched;
  await page.goto(groundControl.url);
  await page.getByTestId('login-user').fill(username);
  await page.getByTestId('login-password').fill(password);
  await page.getByTestId('login-submit').click();
  return watched;
}

/** The names of the nodes that the fleet shows. */
async function shownNodes(page: Page): Promise<string[]> {
  await page.goto(groundControl.url);
  await page.locator('[data-node-id]').first().waitFor();
  const names = await page.locator('[data-node-id] h3, [data-node-id] [data-name]').allInnerTexts();
  if (names.length > 0) return names.sort();
  return (await page.locator('[data-node-id]').allInnerTexts()).map((text) => text.split('\n')[0]!).sort();
}

const row = (page: Page, name: string) => page.locator(`[data-row=${JSON.stringify(name)}]`);

describe('people', () => {
  let password = '';

  test('nodes with tags, a group, and two users of different tags are made on the page', async () => {
    const { page } = admin;
    for (const [name, tags] of [
      ['web-1', ['web']],
      ['web-2', ['web']],
      ['db-1', ['db']],
    ]) {
      expect((await ask(page, 'POST', '/api/nodes', { name, tags })).status).toBe(201);
    }
    await settings(page, 'groups');
    await page.getByTestId('add-group').click();
    await page.getByTestId('group-name').fill('db team');
    await page.getByTestId('role-viewer').click();
    await page.getByTestId('tags').fill('db');
    await page.getByTestId('group-submit').click();
    await row(page, 'db team').getByText('No members').waitFor();

    await settings(page, 'users');
    await page.getByTestId('add-user').click();
    await page.getByTestId('user-name').fill('zoe');
    await page.getByTestId('role-operator').click();
    await page.getByRole('dialog').getByRole('button', { name: 'web', exact: true }).click();
    expect(await page.getByTestId('tags').inputValue()).toBe('web');
    await looksGood(page, 'user-add');
    await page.getByTestId('user-submit').click();
    password = await page.getByTestId('handover-password').innerText();
    expect(password).toMatch(/^(\w{4}-){3}\w{4}$/);
    await looksGood(page, 'user-handover');
    await page.getByTestId('handover-done').click();
    await row(page, 'zoe').getByText('Has to choose a password').waitFor();

    // One with a typed password, who sees by the group alone what that sees.
    await page.getByTestId('add-user').click();
    await page.getByTestId('user-name').fill('hammerhead');
    await page.getByTestId('tags').fill('db');
    await page.getByRole('dialog').getByText('db team').click();
    await page.getByTestId('password-kind-typed').click();
    await page.getByTestId('typed-password').fill('short');
    await page.getByTestId('user-submit').click();
    await page.getByText('At least 10 characters.').waitFor();
    await page.getByTestId('typed-password').fill(CHOSEN);
    await page.getByText('They have to choose another one').click();
    await page.getByTestId('user-submit').click();
    await row(page, 'hammerhead').getByText('In db team').waitFor();
  });

  test('the one with a password for one login chooses another, and sees their own nodes alone', async () => {
    const { page } = await logIn('zoe', password);
    await page.getByTestId('new-password').waitFor();
    await page.getByTestId('current-password').fill(password);
    await page.getByTestId('new-password').fill(CHOSEN);
    await page.getByTestId('new-password-repeat').fill(CHOSEN);
    await page.getByTestId('password-submit').click();
    await page.locator('[data-node-id]').first().waitFor();
    expect(await shownNodes(page)).toEqual(['web-1', 'web-2']);
    // Two people side by side see different fleets.
    const other = await logIn('hammerhead', CHOSEN);
    await other.page.locator('[data-node-id]').first().waitFor();
    expect(await shownNodes(other.page)).toEqual(['db-1']);
    expect(await shownNodes(admin.page)).toEqual(['db-1', 'web-1', 'web-2']);
  });

  test('what is refused is not offered', async () => {
    const [zoe, viewer] = [open[0]!.page, open[1]!.page];
    for (const page of [zoe, viewer]) {
      await page.goto(groundControl.url);
      await page.locator('[data-node-id]').first().waitFor();
      expect(await page.getByTestId('add-node').count()).toBe(0);
      expect(await page.getByTestId('select').count()).toBe(0);
      await page.keyboard.press('n');
      expect(await page.getByRole('dialog').count()).toBe(0);
      await page.goto(`${groundControl.url}/settings`);
      await page.getByTestId('you-may').waitFor();
      expect(await page.locator('[data-testid^=tab-]').allInnerTexts()).toEqual([
        'General',
        'Sessions',
        'Tokens',
      ]);
      expect(await page.getByTestId('history-status').count()).toBe(0);
      await settings(page, 'users');
      await page.getByTestId('not-yours').waitFor();
    }
    await looksGood(viewer, 'settings-not-yours');
    expect(
      await zoe.goto(`${groundControl.url}/settings`).then(() => zoe.getByTestId('you-may').innerText()),
    ).toMatch(/Operator\s+on\s+web/);
    // Pending nodes have no actions for operators: they would need SSH first.
    await zoe.goto(`${groundControl.url}/nodes/1`);
    await zoe.getByTestId('view-only').waitFor();
    await zoe.goto(`${groundControl.url}/nodes/1/packages`);
    await zoe.getByText('an admin of the node can tell it how').waitFor();
    expect(await zoe.getByTestId('packages-connect').count()).toBe(0);
    await zoe.goto(`${groundControl.url}/nodes/3`);
    await zoe.getByTestId('no-such-node').waitFor();
    expect(await zoe.getByTestId('no-such-node').innerText()).toMatch(/not one of those that you may see/);
    await looksGood(zoe, 'node-not-seen');
    // And it would have been refused: 404 for what one may not know of, 403 for what one may not do.
    expect((await ask(zoe, 'GET', '/api/nodes/3')).status).toBe(404);
    expect((await ask(zoe, 'PATCH', '/api/nodes/1', { name: 'x' })).status).toBe(403);
    // What was asked on purpose is told by the browser as a failed request.
    open[0]!.troubles.splice(0);
  });

  test('what somebody may see changes under their eyes, without a reload', async () => {
    const { page } = open[0]!;
    await page.goto(groundControl.url);
    await page.locator('[data-node-id]').first().waitFor();
    await settings(admin.page, 'users');
    await action(admin.page, 'zoe', 'Edit…');
    await admin.page.getByTestId('role-admin').click();
    await admin.page.getByTestId('tags').fill('db');
    await admin.page.getByTestId('user-submit').click();
    await page.getByTestId('access-changed').waitFor();
    await page.locator('[data-node-id]').first().waitFor();
    await expect.poll(() => page.locator('[data-node-id]').count()).toBe(1);
    expect(await page.locator('[data-node-id]').innerText()).toMatch(/^db-1/);
    await page.getByTestId('add-node').waitFor();
    await looksGood(page, 'access-changed');
    await page.goto(`${groundControl.url}/nodes/3`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Edit tags…' }).waitFor();
    await page.keyboard.press('Escape');
    // An admin of some nodes adds nodes with a tag of theirs.
    await page.goto(groundControl.url);
    await page.getByTestId('add-node').click();
    await page.getByTestId('add-way-hand').click();
    expect(await page.getByTestId('add-node-tags').inputValue()).toBe('db');
    await page.getByTestId('add-node-name').fill('db-2');
    await page.getByTestId('add-node-submit').click();
    await page.getByTestId('add-node-state').waitFor();
  });

  test('a node that leaves what one may see is gone from its own page too', async () => {
    const { page } = open[1]!;
    await page.goto(`${groundControl.url}/nodes/3`);
    await page.getByTestId('node-name').waitFor();
    expect((await ask(admin.page, 'PATCH', '/api/nodes/3', { tags: ['lab'] })).status).toBe(200);
    await page.getByTestId('no-such-node').waitFor();
    expect((await ask(admin.page, 'PATCH', '/api/nodes/3', { tags: ['db'] })).status).toBe(200);
    await page.getByTestId('node-name').waitFor();
    // A request that was under way for it may have been refused.
    open[1]!.troubles.splice(0);
  });

  test('two who edit at once do not undo each other’s work', async () => {
    const { page } = admin;
    await settings(page, 'users');
    await action(page, 'zoe', 'Edit…');
    await page.getByTestId('role-viewer').click();
    const users = await ask(page, 'GET', '/api/users');
    const zoe = users.body.users.find((user: { username: string }) => user.username === 'zoe');
    expect((await ask(page, 'PATCH', `/api/users/${zoe.id}`, { tags: ['web', 'db'] })).status).toBe(200);
    await page.getByTestId('user-submit').click();
    await page.getByText('changed by somebody else meanwhile').waitFor();
    await looksGood(page, 'user-changed-meanwhile');
    await page.getByRole('button', { name: 'Show what it is now' }).click();
    await expect.poll(() => page.getByTestId('tags').inputValue()).toBe('db, web');
    await page.getByTestId('role-operator').click();
    await page.getByTestId('user-submit').click();
    await expect.poll(() => row(page, 'zoe').innerText()).toMatch(/Operator/);
    admin.troubles.splice(0);
  });

  test('the last admin stays', async () => {
    const { page } = admin;
    await action(page, 'admin', 'Remove…');
    await page.getByTestId('user-sure').click();
    await page.getByText('nobody would be left who is an admin of everything').waitFor();
    await looksGood(page, 'last-admin');
    await page.getByRole('button', { name: 'Cancel' }).click();
    admin.troubles.splice(0);
  });
});

describe('programs', () => {
  test('a token is made, shown once, and good for what it was made for', async () => {
    const { page } = open[1]!;
    await settings(page, 'tokens');
    await page.getByText('No tokens yet').waitFor();
    await looksGood(page, 'tokens-none');
    await page.getByTestId('add-token').click();
    await page.getByTestId('token-name').fill('dashboard');
    await page.getByTestId('lasts-30').click();
    await looksGood(page, 'token-add');
    await page.getByTestId('token-submit').click();
    const token = await page.getByTestId('handover-token').innerText();
    expect(await page.getByTestId('token-example').innerText()).toContain(token);
    await looksGood(page, 'token-made');
    await page.getByTestId('token-done').click();
    await row(page, 'dashboard').getByText('Never used').waitFor();

    const headers = { Authorization: `Bearer ${token}` };
    const nodes = await (await fetch(`${groundControl.url}/api/nodes`, { headers })).json();
    expect(nodes.nodes.map((node: { name: string }) => node.name)).toEqual(['db-1', 'db-2']);
    const refused = await fetch(`${groundControl.url}/api/nodes/3/reboot`, { method: 'POST', headers });
    expect(refused.status).toBe(403);
    await settings(page, 'tokens');
    await row(page, 'dashboard').getByText('Used just now from 127.0.0.1').waitFor();

    // An admin sees it with its owner, and takes it away.
    await settings(admin.page, 'tokens');
    await row(admin.page, 'dashboard').getByText('of hammerhead').waitFor();
    await row(admin.page, 'dashboard').getByTestId('remove-token').click();
    await admin.page.getByTestId('token-sure').click();
    await admin.page.getByText('No tokens yet').waitFor();
    expect((await fetch(`${groundControl.url}/api/nodes`, { headers })).status).toBe(401);
  });
});

describe('sessions', () => {
  test('one is ended from another browser, and the page there says why', async () => {
    const second = await logIn('hammerhead', CHOSEN, PHONE);
    await second.page.locator('[data-node-id]').first().waitFor();
    const { page } = open[1]!;
    await settings(page, 'sessions');
    await expect.poll(() => page.getByTestId('end-session').count()).toBe(1);
    expect(await page.getByTestId('this-session').count()).toBe(1);
    expect(await page.getByTestId('sessions').innerText()).toMatch(/Chrome \d+ on Linux/);
    await looksGood(page, 'sessions');
    await page.getByTestId('end-session').click();
    await second.page.getByTestId('session-ended').waitFor();
    expect(await second.page.getByTestId('session-ended').innerText()).toMatch(/was ended/);
    await looksGood(second.page, 'session-ended-phone');
    await expect.poll(() => page.getByTestId('end-session').count()).toBe(0);
    second.troubles.splice(0);
  });

  test('who is disabled is out at once, and in again when enabled', async () => {
    await settings(admin.page, 'users');
    await action(admin.page, 'hammerhead', 'Disable…');
    await admin.page.getByTestId('user-sure').click();
    const { page, troubles } = open[1]!;
    await page.getByTestId('session-ended').waitFor();
    await row(admin.page, 'hammerhead').getByText('Disabled').waitFor();
    await action(admin.page, 'hammerhead', 'Enable…');
    await admin.page.getByTestId('user-sure').click();
    await expect.poll(() => row(admin.page, 'hammerhead').getByText('Disabled').count()).toBe(0);
    await page.getByTestId('login-user').fill('hammerhead');
    await page.getByTestId('login-password').fill(CHOSEN);
    await page.getByTestId('login-submit').click();
    // Back where they were.
    await page.getByTestId('sessions').waitFor();
    troubles.splice(0);
  });
});

test('the audit shows it all, filtered by its address, and can be taken home', async () => {
  const { page } = admin;
  await settings(page, 'audit');
  for (const one of ['user.add', 'user.change', 'group.add', 'token.add', 'session.end', 'auth.login']) {
    await page.locator(`[data-action="${one}"]`).first().waitFor();
  }
  await page.locator('[data-action="user.remove"][data-outcome=refused]').waitFor();
  await page.getByTestId('audit-user').fill('zoe');
  await page.keyboard.press('Enter');
  await page.getByTestId('audit-outcome').selectOption('forbidden');
  await expect.poll(() => new URL(page.url()).search).toBe('?username=zoe&outcome=forbidden');
  const refused = page.locator('[data-action="node.change"][data-actor=zoe]');
  await refused.waitFor();
  expect(await page.locator('[data-actor]:not([data-actor=zoe])').count()).toBe(0);
  await refused.locator('summary').click();
  await refused.getByText('This takes the role admin').waitFor();
  await looksGood(page, 'audit-open');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByTestId('audit-download').click(),
  ]);
  expect(download.suggestedFilename()).toBe('stardust-audit.jsonl');
  const stream = await download.createReadStream();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  const lines = Buffer.concat(chunks).toString().trim().split('\n');
  expect(lines.map((line) => JSON.parse(line).outcome)).toEqual(lines.map(() => 'forbidden'));
});

describe.each([
  ['dark', DESK],
  ['light', DESK],
  ['dark', PHONE],
  ['light', PHONE],
] as const)('looks, %s', (colorScheme, size) => {
  test(`at ${size.viewport.width} pixels`, async () => {
    const watched = await openPage(browser, { ...size, colorScheme }, groundControl.url);
    const { page } = watched;
    const name = `${colorScheme}-${size.viewport.width}`;
    await signIn(page, groundControl);
    for (const tab of ['sessions', 'tokens', 'users', 'groups', 'audit']) {
      await settings(page, tab);
      await page.getByTestId(tab).or(page.getByText('No tokens yet')).first().waitFor();
      await looksGood(page, `settings-${tab}-${name}`);
    }
    await settings(page, 'users');
    await action(page, 'zoe', 'Edit…');
    await page.getByTestId('user-name').waitFor();
    await looksGood(page, `settings-user-${name}`);
    expect(watched.troubles).toEqual([]);
    await page.context().close();
  });
});

test('nothing went wrong on the way', () => {
  expect([admin, ...open].flatMap(({ troubles }) => troubles)).toEqual([]);
});
