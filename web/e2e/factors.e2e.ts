import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { authenticator } from './authenticator';
import { openBrowser, openPage, screenshot, type Watched } from './browser';
import { DESK, looks, PHONE } from './everywhere';
import { GroundControl } from './ground-control';
import { totp } from './totp';

const CHOSEN = 'turn and face the strange';

let groundControl: GroundControl;
let browser: Browser;
let watched: Watched;
/** By a name: browsers have no passkeys for numbers. */
let home = '';
let secret = '';
let codes: string[] = [];

const page = () => watched.page;

beforeAll(async () => {
  [groundControl, browser] = await Promise.all([GroundControl.at('127.0.0.1'), openBrowser()]);
  home = groundControl.url.replace('127.0.0.1', 'localhost');
  watched = await openPage(browser, { viewport: DESK, colorScheme: 'dark' }, home);
  await authenticator(page());
});

afterAll(async () => {
  await browser?.close();
  await groundControl?.stop();
});

afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') await screenshot(page(), 'factors-failed');
});

async function password(page: Page, username = 'admin', word = groundControl.password) {
  await page.getByTestId('login-user').fill(username);
  await page.getByTestId('login-password').fill(word);
  await page.getByTestId('login-submit').click();
}

const inside = (page: Page) =>
  page.getByTestId('add-node').or(page.getByTestId('sign-out')).first().waitFor();

async function settings(page: Page) {
  await page.goto(`${home}/settings`);
  await page.getByTestId('second-factors').waitFor();
}

async function signOut(page: Page) {
  await settings(page);
  await page.getByTestId('sign-out').click();
  await page.getByTestId('login-user').waitFor();
}

/** Sets an app up, wherever it is asked for; the recovery codes. */
async function setUp(page: Page): Promise<string[]> {
  secret = await page.getByTestId('totp-secret').innerText();
  await page.getByTestId('totp-code').fill(totp(secret, -1));
  await page.getByTestId('totp-submit').click();
  await page.getByTestId('recovery-codes').waitFor();
  return page.getByTestId('recovery-codes').locator('li').allInnerTexts();
}

/** The next call of this kind is answered once as if the last proof were long ago; all after it go through. */
async function proofIsOld(page: Page, method: string, path: string) {
  let asked = 0;
  await page.route(`**${path}`, async (route) => {
    if (route.request().method() !== method || asked++ > 0) return route.fallback();
    await route.fulfill({
      status: 403,
      contentType: 'application/json',
      body: JSON.stringify({
        error: {
          kind: 'proof_needed',
          message: 'This takes a proof that you are there, not older than ten minutes.',
          hint: 'POST /api/auth/proof {"code": "…"}, and ask again.',
        },
      }),
    });
  });
}

describe('an authenticator app', () => {
  test('is set up with a code that is drawn on the page, and confirmed with one of its own', async () => {
    await page().goto(home);
    await password(page());
    await inside(page());
    await settings(page());
    await page().getByTestId('totp-add').waitFor();
    await looks(page(), 'factor-none', 'second-factors');
    await page().getByTestId('totp-add').click();
    await page().getByTestId('qr-code').waitFor();
    await looks(page(), 'factor-app');
    await page().getByTestId('totp-code').fill('000000');
    await page().getByTestId('totp-submit').click();
    await page().getByText('not the one that the app shows now').waitFor();
    codes = await setUp(page());
    expect(codes).toHaveLength(10);
    await looks(page(), 'factor-codes');
    const [file] = await Promise.all([
      page().waitForEvent('download'),
      page().getByTestId('recovery-save').click(),
    ]);
    expect(file.suggestedFilename()).toBe('stardust-recovery-codes.txt');
    // They are not lost by a stray key.
    await page().keyboard.press('Escape');
    await page().getByText('The codes are shown only now.').waitFor();
    await page().getByRole('button', { name: 'Go back' }).click();
    await page().getByTestId('recovery-done').click();
    await page().getByText('10 are left').waitFor();
    await page().getByTestId('totp-remove').waitFor();
  });

  test('is asked for at the login: wrong codes are refused, one that is pasted with spaces is taken', async () => {
    await signOut(page());
    await password(page());
    await page().getByTestId('second-factor').waitFor();
    expect(await page().getByTestId('factor-code').getAttribute('autocomplete')).toBe('one-time-code');
    expect(await page().getByTestId('factor-code').getAttribute('inputmode')).toBe('numeric');
    await looks(page(), 'factor-login');
    await page().getByTestId('factor-code').fill('000000');
    await page().getByTestId('factor-submit').click();
    await page().getByText('The code is wrong, or was used already.').waitFor();
    await looks(page(), 'factor-login-wrong');
    expect(
      await page()
        .getByTestId('factor-code')
        .evaluate((field) => field === document.activeElement),
    ).toBe(true);
    const code = totp(secret);
    await page()
      .getByTestId('factor-code')
      .fill(`${code.slice(0, 3)} ${code.slice(3)}`);
    await page().getByTestId('factor-submit').click();
    await inside(page());
  });

  test('after too many wrong codes it is said how long to wait', async () => {
    const other = await openPage(browser, { viewport: PHONE }, home);
    await other.page.goto(home);
    await password(other.page);
    await other.page.getByTestId('factor-code').fill('000000');
    await other.page.route('**/api/auth/login', (route) =>
      route.fulfill({
        status: 429,
        headers: { 'Retry-After': '2' },
        json: {
          error: { kind: 'throttled', message: 'Too many wrong passwords.', hint: 'Try again in 2 seconds.' },
        },
      }),
    );
    await other.page.getByTestId('factor-submit').click();
    await other.page.getByText('Too many wrong passwords.').waitFor();
    expect(await other.page.getByTestId('factor-submit').innerText()).toMatch(/^Wait \d s$/);
    await other.page.getByTestId('factor-submit').getByText('Sign in').waitFor();
    await other.page.context().close();
  });

  test('a recovery code stands in once, and new ones are made', async () => {
    for (const first of [true, false]) {
      await signOut(page());
      await password(page());
      await page().getByTestId('take-recovery').click();
      await page().getByTestId('factor-code').fill(codes[0]!);
      await page().getByTestId('factor-submit').click();
      if (first) await inside(page());
      else await page().getByText('The code is wrong, or was used already.').waitFor();
      if (!first) {
        await page().getByTestId('factor-code').fill(codes[1]!);
        await page().getByTestId('factor-submit').click();
        await inside(page());
      }
    }
    await settings(page());
    await page().getByText('8 are left').waitFor();
    await page().getByTestId('recovery-new').click();
    await page().getByTestId('recovery-submit').click();
    await page().getByTestId('recovery-codes').waitFor();
    const made = await page().getByTestId('recovery-codes').locator('li').allInnerTexts();
    expect(made).not.toContain(codes[2]);
    codes = made;
    await page().getByTestId('recovery-done').click();
    await page().getByText('10 are left').waitFor();
  });
});

describe('passkeys', () => {
  test('one is made, and signs in beside the password and instead of it', async () => {
    await settings(page());
    await page().getByTestId('passkey-add').click();
    await page().getByTestId('passkey-name').fill('laptop');
    await looks(page(), 'passkey-add');
    await page().getByTestId('passkey-submit').click();
    await page().getByText('Never used').waitFor();
    await looks(page(), 'factor-all', 'second-factors');

    await signOut(page());
    await looks(page(), 'login-passkey');
    await page().getByTestId('login-passkey').click();
    await inside(page());
    await settings(page());
    await page().getByText('Used just now').waitFor();

    await signOut(page());
    await password(page());
    await page().getByTestId('factor-passkey').click();
    await inside(page());
  });

  test('one key does not make two', async () => {
    await settings(page());
    await page().getByTestId('passkey-add').click();
    await page().getByTestId('passkey-name').fill('again');
    await page().getByTestId('passkey-submit').click();
    await page().getByText('has a passkey for here already').waitFor();
    await page().getByRole('button', { name: 'Cancel' }).click();
  });

  test('where browsers have none the page says why, and offers none', async () => {
    const other = await openPage(browser, { viewport: DESK }, groundControl.url);
    await other.page.goto(groundControl.url);
    await other.page.getByTestId('no-passkeys').getByText('an address that is a number').waitFor();
    expect(await other.page.getByTestId('login-passkey').count()).toBe(0);
    await looks(other.page, 'login-no-passkeys');
    await password(other.page);
    await other.page.getByTestId('no-passkeys').getByText('an address that is a number').waitFor();
    expect(await other.page.getByTestId('factor-passkey').count()).toBe(0);
    await other.page.getByTestId('take-recovery').click();
    await other.page.getByTestId('factor-code').fill(codes.pop()!);
    await other.page.getByTestId('factor-submit').click();
    await inside(other.page);
    await other.page.goto(`${groundControl.url}/settings`);
    await other.page.getByText('Browsers have no passkeys for an address that is a number').waitFor();
    expect(await other.page.getByTestId('passkey-add').isDisabled()).toBe(true);
    await other.page.context().close();
  });

  test('where Ground Control has none it says so itself', async () => {
    const other = await openPage(browser, { viewport: DESK }, home);
    await other.page.route('**/api/auth/login/options', (route) =>
      route.fulfill({
        status: 409,
        contentType: 'application/json',
        body: JSON.stringify({
          error: {
            kind: 'conflict',
            message: 'Browsers have no passkeys for this address.',
            hint: 'Open it by a name.',
          },
        }),
      }),
    );
    await other.page.goto(home);
    await other.page.getByTestId('login-passkey').click();
    await other.page.getByTestId('no-passkeys').getByText('for this address').waitFor();
    expect(await other.page.getByTestId('login-passkey').count()).toBe(0);
    await other.page.context().close();
  });
});

describe('what is dangerous', () => {
  const remove = async () => {
    await page().getByRole('button', { name: 'Remove laptop' }).click();
    await page().getByTestId('confirm-submit').click();
  };

  test('asks for a proof, and whoever would rather not is told what was refused', async () => {
    await settings(page());
    await proofIsOld(page(), 'DELETE', '/api/auth/passkeys/*');
    await remove();
    await page().getByTestId('proof-code').or(page().getByTestId('proof-passkey')).first().waitFor();
    await looks(page(), 'proof-factor');
    await page().getByTestId('proof-code').fill('12');
    await page().keyboard.press('Escape');
    await page().getByTestId('proof').waitFor({ state: 'detached' });
    await page().getByText('This takes a proof that you are there').waitFor();
    await looks(page(), 'proof-not-given');
    await page().getByRole('button', { name: 'Cancel' }).click();
    await page().unroute('**/api/auth/passkeys/*');
  });

  test('is done right after a passkey was shown', async () => {
    await proofIsOld(page(), 'DELETE', '/api/auth/passkeys/*');
    await remove();
    await page().getByTestId('proof-passkey').click();
    await page().getByRole('button', { name: 'Remove laptop' }).waitFor({ state: 'detached' });
    await page().unroute('**/api/auth/passkeys/*');
  });

  test('or a code', async () => {
    await proofIsOld(page(), 'DELETE', '/api/auth/totp');
    await page().getByTestId('totp-remove').click();
    await page().getByText('The password alone signs you in then.').waitFor();
    await page().getByTestId('confirm-submit').click();
    await page().getByTestId('take-recovery').click();
    await page().getByTestId('proof-code').fill(codes.pop()!);
    await page().getByTestId('proof-submit').click();
    await page().getByTestId('totp-add').waitFor();
    await page().unroute('**/api/auth/totp');
  });

  test('or the password, where there is no second factor', async () => {
    await page().goto(`${home}/settings/tokens`);
    await proofIsOld(page(), 'POST', '/api/tokens');
    await page().getByTestId('add-token').click();
    await page().getByTestId('token-name').fill('prometheus');
    await page().getByTestId('token-submit').click();
    await page().getByTestId('proof-password').fill('wrong all over');
    await page().getByTestId('proof-submit').click();
    await page().getByText('The password is wrong.').waitFor();
    await looks(page(), 'proof-password');
    await page().getByTestId('proof-password').fill(groundControl.password);
    await page().keyboard.press('Enter');
    await page().getByTestId('proof').waitFor({ state: 'detached' });
    await page().getByTestId('handover-token').waitFor();
  });
});

describe('roles that have to have one', () => {
  test('who asks all admins for one, and has none, sets it up at once', async () => {
    await page().goto(`${home}/settings/users`);
    await page().getByTestId('factor-for').selectOption('viewer');
    await page().getByTestId('enrol').waitFor();
    await page().getByTestId('qr-code').waitFor();
    await looks(page(), 'enrol');
    codes = await setUp(page());
    await looks(page(), 'enrol-codes');
    await page().getByTestId('recovery-done').click();
    await page().getByTestId('factor-for').waitFor();
    expect(await page().getByTestId('factor-for').inputValue()).toBe('viewer');
  });

  test('somebody new is led there after the login, and on from there; a reload does not lead past it', async () => {
    const made = await page().evaluate(async (word) => {
      const { csrf } = await (await fetch('/api/auth/session')).json();
      const response = await fetch('/api/users', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf },
        body: JSON.stringify({
          username: 'zoe',
          password: word,
          role: 'viewer',
          must_change_password: false,
        }),
      });
      return response.status;
    }, CHOSEN);
    expect(made).toBe(201);
    const zoe = await openPage(browser, { viewport: PHONE, hasTouch: true }, home);
    await zoe.page.goto(`${home}/jobs`);
    await password(zoe.page, 'zoe', CHOSEN);
    await zoe.page.getByTestId('enrol').waitFor();
    await zoe.page.reload();
    await zoe.page.getByTestId('enrol').waitFor();
    await setUp(zoe.page);
    await zoe.page.getByTestId('recovery-done').click();
    await zoe.page.getByRole('heading', { name: 'Jobs', exact: true }).waitFor();
    await zoe.page.context().close();
  });

  test('an admin takes it away from somebody who has lost it, who sets up another one', async () => {
    await page().goto(`${home}/settings/users`);
    await page().getByRole('button', { name: 'Actions for zoe' }).click();
    await page().getByRole('menuitem', { name: 'Take their second factor…' }).click();
    await looks(page(), 'factor-take-away');
    await page().getByTestId('user-sure').click();
    await page().getByTestId('user-sure').waitFor({ state: 'detached' });
    const zoe = await openPage(browser, { viewport: DESK }, home);
    await zoe.page.goto(home);
    await password(zoe.page, 'zoe', CHOSEN);
    await zoe.page.getByTestId('enrol').waitFor();
    // A passkey will do as well, and brings recovery codes too.
    await authenticator(zoe.page);
    await zoe.page.getByText('A passkey instead…').click();
    await zoe.page.getByTestId('passkey-name').fill('key');
    await zoe.page.getByTestId('passkey-submit').click();
    await zoe.page.getByTestId('recovery-codes').waitFor();
    await zoe.page.getByTestId('recovery-done').click();
    await zoe.page.getByTestId('enrol').waitFor({ state: 'detached' });
    await zoe.page.goto(`${home}/settings`);
    await zoe.page.getByText('Never used').waitFor();
    await zoe.page.context().close();
  });

  test('nothing went wrong on the way', () => {
    // What was refused on purpose is noted by the browser.
    const other = watched.troubles.filter((line) => !/status of 40[0139] .*\/api\//.test(line));
    expect(other).toEqual([]);
  });
});
