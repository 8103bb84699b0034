import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, openBrowser, openPage, screenshot, signIn, type Watched } from './browser';
import { drawnCharts } from './charts';
import { GroundControl } from './ground-control';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let groundControl: GroundControl;
let browser: Browser;

beforeAll(async () => {
  [groundControl, browser] = await Promise.all([GroundControl.demo(), openBrowser()]);
});

afterAll(async () => {
  await browser?.close();
  await groundControl?.stop();
});

/** What axe finds serious, as `rule: element`. */
async function violations(page: Page): Promise<string[]> {
  // By the debugger, which the page's content security policy does not bind.
  const { violations } = (await page.evaluate(
    `(() => { if (!window.axe) { ${AXE} } return axe.run(document, { resultTypes: ['violations'] }); })()`,
  )) as AxeResults;
  return violations
    .filter((violation) => violation.impact === 'serious' || violation.impact === 'critical')
    .flatMap((violation) => violation.nodes.map((node) => `${violation.id}: ${node.html.slice(0, 200)}`));
}

/** How far the page can be scrolled sideways, in pixels. */
function sideways(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

const DESKTOP = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };

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

  async function assertGood(what: string) {
    const { page } = watched;
    await screenshot(page, `${what}-${name}`);
    expect(await sideways(page), `${what} scrolls sideways`).toBe(0);
    expect(await violations(page), what).toEqual([]);
  }

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
    await page.mouse.move(size.viewport.width / 2, size.viewport.height / 2);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await screenshot(page, `node-end-${name}`);
  });

  test(`settings at ${size.viewport.width} pixels`, async () => {
    const { page } = watched;
    await page.goto(`${groundControl.url}/settings`);
    await page.getByTestId('sign-out').waitFor();
    await assertGood('settings');
    expect(watched.troubles).toEqual([]);
  });
});
