import { createHmac } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { looksGood, PHONE } from './axe';
import { openBrowser, openPage, screenshot, signIn, type Watched } from './browser';
import { GroundControl } from './ground-control';

const DESK = { viewport: { width: 1440, height: 900 } };

let groundControl: GroundControl;
let browser: Browser;
let watched: Watched;
/** By name: browsers have no passkeys for numbers. */
let home: string;

beforeAll(async () => {
  [groundControl, browser] = await Promise.all([GroundControl.at('127.0.0.1'), openBrowser()]);
  home = groundControl.url.replace('127.0.0.1', 'localhost');
  watched = await openPage(browser, DESK, groundControl.url);
  await signIn(watched.page, groundControl);
});

afterAll(async () => {
  await browser?.close();
  await groundControl?.stop();
});

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const [at, context] of browser.contexts().entries()) {
    for (const page of context.pages()) await screenshot(page, `factors-failed-${at}`);
  }
});

function bytesOf(base32: string): Buffer {
  const bits = [...base32].map((char) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(char).toString(2).padStart(5, '0'),
  );
  return Buffer.from((bits.join('').match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

/** RFC 6238, as an authenticator app shows it `ahead` half minutes from now. */
function codeOf(secret: string, ahead = 0): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + ahead));
  const hash = createHmac('sha1', bytesOf(secret)).update(counter).digest();
  const at = hash.at(-1)! & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

async function password(page: Page) {
  await page.getByTestId('login-user').fill(groundControl.user);
  await page.getByTestId('login-password').fill(groundControl.password);
  await page.getByTestId('login-submit').click();
}

/** Answers the next such request as one whose proof is too old is answered. */
async function asIfLongAgo(page: Page, method: string, path: string) {
  let first = true;
  await page.route(`**${path}`, async (route) => {
    if (route.request().method() !== method || !first) return route.fallback();
    first = false;
    await route.fulfill({
      status: 403,
      json: { error: { kind: 'proof_needed', message: 'This takes a proof.', hint: '' } },
    });
  });
}

test('what is dangerous asks once more who it is, and goes on then', async () => {
  const { page } = watched;
  await page.goto(`${groundControl.url}/settings/users`);
  await asIfLongAgo(page, 'POST', '/api/users');
  const add = async () => {
    await page.getByTestId('add-user').click();
    await page.getByTestId('user-name').fill('zoe');
    await page.getByTestId('user-submit').click();
    await page.getByTestId('proof-password').waitFor();
  };
  await add();
  await looksGood(page, 'proof');
  await page.getByTestId('proof-password').fill('not the one');
  await page.getByTestId('proof-submit').click();
  await page.getByText('The password is wrong.').waitFor();
  await page.getByTestId('proof-password').fill(groundControl.password);
  await page.getByTestId('proof-submit').click();
  await page.getByTestId('handover-password').waitFor();
  await page.getByTestId('handover-done').click();
  // Whoever does not prove it has changed nothing, and is told so.
  await asIfLongAgo(page, 'POST', '/api/users');
  await add();
  await page.getByTestId('proof').getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('This takes a proof.').waitFor();
  watched.troubles.splice(0);
});

describe('an authenticator app', () => {
  let secret = '';
  let recovery: string[] = [];

  test('is set up with a code, and recovery codes are shown once', async () => {
    const { page } = watched;
    await page.goto(`${groundControl.url}/settings`);
    await page.getByTestId('totp-add').click();
    await page.getByTestId('qr-code').waitFor();
    secret = (await page.getByTestId('totp-secret').innerText()).replace(/\s/g, '');
    await looksGood(page, 'totp-setup');
    await page.getByTestId('totp-code').fill('000000');
    await page.getByTestId('totp-submit').click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await page.getByTestId('totp-code').fill(codeOf(secret));
    await page.getByTestId('totp-submit').click();
    await page.getByTestId('recovery-codes').waitFor();
    recovery = await page.getByTestId('recovery-codes').locator('li').allInnerTexts();
    expect(recovery.length).toBeGreaterThan(5);
    await looksGood(page, 'recovery-codes');
    await page.getByTestId('recovery-done').click();
    await page.getByText(`${recovery.length} are left`).waitFor();
    await looksGood(page, 'second-factors');
    watched.troubles.splice(0);
  });

  test('is asked for at the login, and a recovery code is good in its place, once', async () => {
    const { page, troubles } = await openPage(browser, PHONE, groundControl.url);
    await page.goto(groundControl.url);
    await password(page);
    await page.getByTestId('second-factor').waitFor();
    await looksGood(page, 'login-code');
    await page.getByTestId('login-code').fill('123 456');
    await page.getByTestId('login-submit').click();
    await page.getByRole('alert').waitFor();
    await page.getByTestId('login-code').fill(recovery[0]!);
    await page.getByTestId('login-submit').click();
    await page.getByTestId('add-node').first().waitFor();
    await page.goto(`${groundControl.url}/settings`);
    await page.getByText(`${recovery.length - 1} are left`).waitFor();
    // And the code itself, of the next half minute since the one of this was used.
    await page.getByTestId('sign-out').click();
    await password(page);
    await page.getByTestId('login-code').fill(codeOf(secret, 1));
    await page.getByTestId('login-submit').click();
    await page.getByTestId('totp-remove').or(page.getByTestId('add-node')).first().waitFor();
    troubles.splice(0);
    await page.context().close();
  });

  test('proves who it is, and is taken away', async () => {
    const { page } = watched;
    await page.goto(`${groundControl.url}/settings`);
    await asIfLongAgo(page, 'DELETE', '/api/auth/totp');
    await page.getByTestId('totp-remove').click();
    await page.getByTestId('confirm-submit').click();
    await page.getByTestId('proof-code').fill(recovery[1]!);
    await page.getByTestId('proof-submit').click();
    await page.getByTestId('totp-add').waitFor();
    watched.troubles.splice(0);
  });
});

test('a role that takes a second factor sets one up before anything else', async () => {
  const { page } = watched;
  await page.goto(`${groundControl.url}/settings/users`);
  await page.getByTestId('factor-for').selectOption('admin');
  await page.getByTestId('enrol').waitFor();
  const secret = (await page.getByTestId('totp-secret').innerText()).replace(/\s/g, '');
  await looksGood(page, 'enrol');
  await page.getByTestId('totp-code').fill(codeOf(secret));
  await page.getByTestId('totp-submit').click();
  await page.getByTestId('recovery-done').click();
  await page.getByTestId('factor-for').waitFor();
  expect(await page.getByTestId('factor-for').inputValue()).toBe('admin');
  await page.getByTestId('factor-for').selectOption('');
  await page.goto(`${groundControl.url}/settings`);
  await page.getByTestId('totp-remove').click();
  await page.getByTestId('confirm-submit').click();
  await page.getByTestId('totp-add').waitFor();
  watched.troubles.splice(0);
});

test('an address that is a number says why it has no passkeys', async () => {
  const { page } = watched;
  await page.goto(`${groundControl.url}/settings`);
  await page.getByText('Browsers have no passkeys for an address that is a number').waitFor();
  expect(await page.getByTestId('passkey-add').isDisabled()).toBe(true);
});

test('a passkey is added, is asked for at the login, and signs in by itself', async () => {
  const { page, troubles } = await openPage(browser, DESK, home);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await page.goto(`${home}/settings`);
  await password(page);
  await page.getByTestId('passkey-add').click();
  await page.getByTestId('passkey-name').fill('laptop');
  await page.getByTestId('passkey-submit').click();
  await page.getByRole('button', { name: 'Remove laptop' }).waitFor();
  await looksGood(page, 'passkeys');

  await page.getByTestId('sign-out').click();
  await password(page);
  await page.getByTestId('second-factor').waitFor();
  await looksGood(page, 'login-passkey');
  await page.getByTestId('login-passkey').click();
  // Back where they were.
  await page.getByTestId('sign-out').waitFor();

  await page.getByTestId('sign-out').click();
  await page.getByTestId('login-passkey').click();
  await page.getByTestId('sign-out').waitFor();

  // And it proves who is there.
  await asIfLongAgo(page, 'POST', '/api/auth/recovery-codes');
  await page.getByRole('button', { name: 'Make new ones…' }).click();
  await page.getByTestId('recovery-submit').click();
  await page.getByTestId('proof-passkey').click();
  await page.getByTestId('recovery-done').click();
  await page.getByRole('button', { name: 'Remove laptop' }).click();
  await page.getByTestId('confirm-submit').click();
  await expect.poll(() => page.getByText('Recovery codes', { exact: true }).count()).toBe(0);
  troubles.splice(0, troubles.length, ...troubles.filter((one) => !/status of 40[13]/.test(one)));
  expect(troubles).toEqual([]);
  await page.context().close();
});

test('nothing went wrong on the way', () => {
  expect(watched.troubles).toEqual([]);
});
