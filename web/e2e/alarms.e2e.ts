import { execFileSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DESKTOP, looksGood, PHONE } from './axe';
import { openBrowser, openPage, signIn } from './browser';
import { GroundControl } from './ground-control';

// The page asks every half minute.
const PATIENCE = { timeout: 60_000 };

let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
});

/** Signed in, at both widths. */
async function atBothWidths(groundControl: GroundControl, look: (page: Page, name: string) => Promise<void>) {
  for (const [colorScheme, size] of [
    ['dark', DESKTOP],
    ['light', PHONE],
  ] as const) {
    const { page, troubles } = await openPage(browser, { ...size, colorScheme }, groundControl.url);
    await signIn(page, groundControl);
    await look(page, `${colorScheme}-${size.viewport.width}`);
    expect(troubles).toEqual([]);
    await page.context().close();
  }
}

describe('a clock that is 400 days ahead of the last run', () => {
  let groundControl: GroundControl;

  beforeAll(async () => {
    groundControl = await GroundControl.at('127.0.0.1');
    await groundControl.restart((database) => {
      const agreed = Date.now() - 400 * 86_400_000;
      const kept = JSON.stringify({ agreed_ms: agreed, boot_ms: 0, boot_id: '', since_ms: agreed });
      const sql = "INSERT OR REPLACE INTO meta (key, value) VALUES ('history_clock', CAST(? AS BLOB))";
      execFileSync('python3', [
        '-c',
        'import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(sys.argv[2], [sys.argv[3]]); db.commit()',
        database,
        sql,
        kept,
      ]);
    });
  });

  afterAll(async () => {
    await groundControl?.stop();
  });

  test('is told on every page, at both widths', async () => {
    await atBothWidths(groundControl, async (page, name) => {
      const alarm = page.getByTestId('alarm-clock');
      await alarm.waitFor();
      expect(await alarm.innerText()).toContain('1 y 35 d ahead');
      await looksGood(page, `alarm-clock-${name}`);
      await page.getByTestId('clock-is-right').click();
      await page.getByTestId('clock-confirm').waitFor();
      await looksGood(page, `alarm-clock-dialog-${name}`);
      await page.keyboard.press('Escape');
      await page.goto(`${groundControl.url}/settings`);
      await alarm.waitFor();
    });
  });

  test('is right once somebody says so, and that is an event', async () => {
    const { page, troubles } = await openPage(browser, {}, groundControl.url);
    await signIn(page, groundControl);
    await page.getByTestId('clock-is-right').click();
    await page.getByTestId('clock-confirm').click();
    await expect.poll(() => page.getByTestId('alarm-clock').count()).toBe(0);
    await page.goto(`${groundControl.url}/events`);
    const event = page.locator('[data-event=clock_settled]');
    await event.waitFor();
    expect(await event.innerText()).toContain('admin says so');
    expect(troubles).toEqual([]);
    await page.context().close();
  });
});

describe('a database that is taken away', () => {
  let groundControl: GroundControl;

  beforeAll(async () => {
    groundControl = await GroundControl.demo();
  });

  afterAll(async () => {
    await groundControl?.stop();
  });

  test('is told on every page until it is back', async () => {
    const database = groundControl.database;
    const { page, troubles } = await openPage(browser, {}, groundControl.url);
    await signIn(page, groundControl);
    const alarm = page.getByTestId('alarm-not-stored');
    renameSync(database, `${database}-elsewhere`);
    try {
      await expect.poll(() => alarm.count(), PATIENCE).toBe(1);
      expect(await alarm.innerText()).toMatch(/Nothing is stored since [^\n]*\s+.*was deleted/);
      await looksGood(page, 'alarm-not-stored-dark-1280');
      await page.setViewportSize(PHONE.viewport);
      await looksGood(page, 'alarm-not-stored-dark-390');
    } finally {
      renameSync(`${database}-elsewhere`, database);
    }
    await expect.poll(() => alarm.count(), PATIENCE).toBe(0);
    expect(troubles).toEqual([]);
  });
});
