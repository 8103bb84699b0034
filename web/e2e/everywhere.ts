import type { Page } from 'playwright-core';
import { looksGood } from './axe';

export const DESK = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** On a desk and on a phone, dark and light; `at`: what has to be in the picture. */
export async function looks(page: Page, what: string, at?: string) {
  const size = page.viewportSize()!;
  for (const colorScheme of ['dark', 'light'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const viewport of [DESK, PHONE]) {
      await page.setViewportSize(viewport);
      if (at) await page.getByTestId(at).scrollIntoViewIfNeeded();
      await looksGood(page, `${what}-${colorScheme}-${viewport.width}`);
    }
  }
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: 'dark' });
}
