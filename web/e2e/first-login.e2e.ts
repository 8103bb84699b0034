import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBrowser, openPage, screenshot, type Watched } from './browser';
import { GroundControl } from './ground-control';

const CHOSEN = 'turn and face the strange';

let groundControl: GroundControl;
let browser: Browser;
let watched: Watched;

beforeAll(async () => {
  [groundControl, browser] = await Promise.all([GroundControl.fresh(), openBrowser()]);
  watched = await openPage(browser);
});

afterAll(async () => {
  await browser?.close();
  expect((await groundControl?.stop())?.code).toBe(0);
});

async function signIn(password: string) {
  const { page } = watched;
  await page.getByTestId('login-user').fill('admin');
  await page.getByTestId('login-password').fill(password);
  await page.getByTestId('login-submit').click();
}

async function choose(current: string, next: string, again: string) {
  const { page } = watched;
  await page.getByTestId('current-password').fill(current);
  await page.getByTestId('new-password').fill(next);
  await page.getByTestId('new-password-repeat').fill(again);
  await page.getByTestId('password-submit').click();
}

test('the default password leads to nothing but its own change', async () => {
  const { page } = watched;
  await page.goto(`${groundControl.url}/settings`);
  // Where nobody has signed in yet, one is told with what.
  expect(await page.getByTestId('first-visit').innerText()).toMatch(/admin with admin/);
  await signIn('admin');
  await page.getByTestId('new-password').waitFor();
  await screenshot(page, 'first-login');
  for (const path of ['/nodes/1', '/settings', '/']) {
    await page.goto(groundControl.url + path);
    await page.getByTestId('new-password').waitFor();
    expect(await page.getByTestId('add-node').count(), path).toBe(0);
  }
});

test('weak and mistyped passwords are told apart before anything is sent', async () => {
  const { page } = watched;
  await choose('admin', 'short', 'short');
  await page.getByText('At least 10 characters.', { exact: true }).waitFor();
  await choose('admin', CHOSEN, `${CHOSEN}?`);
  await page.getByText('The two differ.').waitFor();
  expect(watched.troubles).toEqual([]);
});

test('a good one opens the empty fleet, and the default one is gone', async () => {
  const { page } = watched;
  await choose('admin', CHOSEN, CHOSEN);
  await page.getByTestId('add-node').first().waitFor();
  await screenshot(page, 'empty-fleet');
  expect(watched.troubles).toEqual([]);

  await page.context().clearCookies();
  await page.goto(groundControl.url);
  await signIn('admin');
  await page.locator('[role=alert]').first().waitFor();
  await signIn(CHOSEN);
  await page.getByTestId('add-node').first().waitFor();
});

test('a session that has ended says so, and leads back to where one was', async () => {
  const { page } = watched;
  await page.getByRole('link', { name: 'Events' }).first().click();
  await page.waitForURL(/\/events/);
  // Ended elsewhere, as by a change of the password.
  await page.context().clearCookies();
  await page.getByRole('link', { name: 'Jobs' }).first().click();
  const said = page.getByTestId('session-ended');
  expect(await said.innerText()).toMatch(/Your session has ended.*back where you were/s);
  expect(await page.getByTestId('first-visit').count()).toBe(0);
  await signIn(CHOSEN);
  await page.waitForURL(/\/jobs/);
});
