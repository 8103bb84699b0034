import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DESKTOP, looksGood, PHONE } from './axe';
import { eventually, openBrowser, openPage, screenshot, signIn, type Watched } from './browser';
import { drawnCharts } from './charts';
import { GroundControl } from './ground-control';

let groundControl: GroundControl;
let browser: Browser;

beforeAll(async () => {
  [groundControl, browser] = await Promise.all([GroundControl.demo(), openBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await groundControl?.stop();
});

describe.each([
  ['dark', DESKTOP],
  ['light', DESKTOP],
  ['dark', PHONE],
  ['light', PHONE],
] as const)('%s', (colorScheme, size) => {
  const name = `${colorScheme}-${size.viewport.width}`;
  let watched: Watched;

  beforeAll(async () => {
    watched = await openPage(browser, { ...size, colorScheme });
  });

  afterAll(async () => {
    await watched?.page.context().close();
  });

  const assertGood = (what: string) => looksGood(watched.page, `${what}-${name}`);

  test(`login at ${size.viewport.width} pixels`, async () => {
    const { page } = watched;
    await page.goto(groundControl.url);
    await page.getByTestId('login-submit').waitFor();
    expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe(colorScheme);
    await assertGood('login');
  });

  test(`fleet at ${size.viewport.width} pixels`, async () => {
    const { page } = watched;
    await signIn(page, groundControl);
    await eventually('this machine is online', () =>
      page.locator('[data-node-id][data-status=online]').first().isVisible(),
    );
    await assertGood('fleet');
    await page.getByTestId('view-table').click();
    await eventually('the table is there', () => page.locator('[data-node-id]').first().isVisible());
    await assertGood('table');
    await page.getByTestId('view-cards').click();
    await page.getByTestId('add-node').first().click();
    await page.getByTestId('ssh-host').waitFor();
    await page.getByTestId('ssh-key').fill('ssh-ed25519 AAAA me@here');
    await page.getByText('This is the public half.', { exact: false }).waitFor();
    await assertGood('add-dialog');
    await page.getByTestId('add-way-list').click();
    await page.getByTestId('import-text').waitFor();
    await assertGood('add-dialog-list');
    await page.getByTestId('add-way-hand').click();
    await page.getByTestId('add-node-name').waitFor();
    await assertGood('add-dialog-by-hand');
  });

  test(`node at ${size.viewport.width} pixels`, async () => {
    const { page } = watched;
    await page.goto(`${groundControl.url}/nodes/1?range=5m`);
    await page.getByTestId('range-5m').waitFor();
    await drawnCharts(page, 10);
    await assertGood('node');
    await page.getByTestId('range-custom').click();
    await page.getByTestId('custom-submit').waitFor();
    await assertGood('custom-range');
    // No field may stick out of the dialog.
    const dialog = await page.getByRole('dialog').boundingBox();
    const field = await page.getByTestId('custom-to').boundingBox();
    expect(field!.x + field!.width).toBeLessThan(dialog!.x + dialog!.width);
    await page.keyboard.press('Escape');
    await page.mouse.move(size.viewport.width / 2, size.viewport.height / 2);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await screenshot(page, `node-end-${name}`);
  });

  test(`settings and events at ${size.viewport.width} pixels`, async () => {
    const { page } = watched;
    await page.goto(`${groundControl.url}/settings`);
    await page.getByTestId('sign-out').waitFor();
    await page.getByTestId('history-status').waitFor();
    await assertGood('settings');
    await page.goto(`${groundControl.url}/events`);
    await page.locator('[data-event=online]').waitFor();
    await assertGood('events');
    await page.goto(`${groundControl.url}/nodes/1/events`);
    await page.locator('[data-event=online]').waitFor();
    await assertGood('node-events');
    for (const [what, path] of [
      ['packages-unknown', '/packages'],
      ['jobs-none', '/jobs'],
      ['node-packages-unknown', '/nodes/1/packages'],
      ['no-such-page', '/no/such/page'],
    ] as const) {
      await page.goto(`${groundControl.url}${path}`);
      await page.locator('main h2').first().waitFor();
      await assertGood(what);
    }
    expect(watched.troubles).toEqual([]);
  });
});
