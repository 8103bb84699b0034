import type { Page } from 'playwright-core';
import { expect } from 'vitest';

/** How someone gets in, as it is typed into the dialog. */
export interface Typed {
  host: string;
  user?: string;
  key?: string;
  password?: string;
  sudo?: string;
  jump?: { host: string; user: string };
}

/** Opens the dialog and fills in its first step. */
export async function typeLogin(page: Page, typed: Typed): Promise<void> {
  await page.getByTestId('add-node').first().click();
  await retype(page, typed);
}

/** Fills in the first step of the dialog, whatever it held. */
export async function retype(page: Page, typed: Typed): Promise<void> {
  await page.getByTestId('ssh-host').fill(typed.host);
  if (typed.user) await page.getByTestId('ssh-user').fill(typed.user);
  if (typed.key) {
    await page.getByTestId('ssh-how-key').click();
    const remove = page.getByRole('button', { name: 'Remove', exact: true });
    if (await remove.isVisible()) await remove.click();
    await page.getByTestId('ssh-key').fill(typed.key);
  }
  if (typed.password) {
    await page.getByTestId('ssh-how-password').click();
    await page.getByTestId('ssh-password').fill(typed.password);
  }
  if (typed.sudo !== undefined) await page.getByTestId('ssh-sudo').fill(typed.sudo);
  if (typed.jump) {
    await page.getByText('More: name, tags, jump host').click();
    await page.getByTestId('ssh-jump').check();
    await page.getByTestId('ssh-jump-host').fill(typed.jump.host);
    await page.getByTestId('ssh-jump-user').fill(typed.jump.user);
  }
}

/** Looks at the host and confirms the key that it shows. */
export async function lookAndConfirm(page: Page): Promise<void> {
  await page.getByTestId('ssh-check').click();
  await page.getByTestId('confirm-host-key').click();
}

export async function action(page: Page, item: string | RegExp): Promise<void> {
  await page.getByRole('button', { name: 'Actions' }).click();
  await page.getByRole('menuitem', { name: item }).click();
}

/** The job page that is open, until its job ends; then its text. */
export async function jobEnds(page: Page, state: string, limitMs = 60_000): Promise<string> {
  const job = page.getByTestId('job');
  await job.waitFor();
  const now = () => job.getAttribute('data-state');
  await expect.poll(now, { timeout: limitMs }).toMatch(/^(?:succeeded|failed|cancelled|lost)$/);
  expect(await now(), await job.innerText()).toBe(state);
  return job.innerText();
}
