import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { screenshot } from './browser';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

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

export const DESKTOP = { viewport: { width: 1280, height: 800 } };
export const PHONE = {
  viewport: { width: 390, height: 844 },
  isMobile: true,
  hasTouch: true,
  deviceScaleFactor: 2,
};

/** A picture of it; it fits the screen, and axe has nothing serious to say. */
export async function looksGood(page: Page, what: string): Promise<void> {
  await screenshot(page, what);
  expect(await sideways(page), `${what} scrolls sideways`).toBe(0);
  // What is fading in has too little contrast for a moment.
  await expect.poll(() => violations(page), { message: what, timeout: 10_000 }).toEqual([]);
}
