import { existsSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { GroundControl } from './ground-control';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SCREENSHOTS = process.env.STARDUST_SCREENSHOTS ?? join(tmpdir(), 'stardust-screenshots');

export async function openBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`${CHROMIUM} is missing (Debian: apt-get install chromium), or name it in CHROMIUM.`);
  }
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      // Chromium's sandbox does not work for root.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page, and everything that went wrong on it. */
export interface Watched {
  page: Page;
  /** Console errors, exceptions, refused content and failed requests since it was opened. */
  troubles: string[];
}

export async function openPage(
  browser: Browser,
  options: BrowserContextOptions = {},
  home = 'http://127.0.0.1:',
): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const troubles: string[] = [];
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    // Who is not signed in is told so by 401, and the browser notes it.
    if (/status of 401/.test(message.text()) && message.location().url.endsWith('/api/auth/session')) return;
    // Test hosts come and go beside this one, and the browser then begins again what it was loading.
    if (/ERR_NETWORK_CHANGED/.test(message.text())) return;
    // What is asked of a node without kept credentials is answered 409, and then asked for.
    if (/status of 409/.test(message.text()) && /\/packages\/installed/.test(message.location().url)) return;
    // Plain HTTP on an address other than loopback: the browser says that it leaves a header out of account.
    if (/Cross-Origin-Opener-Policy header has been ignored/.test(message.text())) return;
    troubles.push(`console: ${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => troubles.push(`exception: ${error.message}`));
  page.on('request', (request) => {
    if (!request.url().startsWith(home) && !request.url().startsWith('data:')) {
      troubles.push(`foreign request: ${request.url()}`);
    }
  });
  await page.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => {
      console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return { page, troubles };
}

export async function signIn(page: Page, groundControl: GroundControl): Promise<void> {
  await page.goto(groundControl.url);
  await page.getByTestId('login-user').fill(groundControl.user);
  await page.getByTestId('login-password').fill(groundControl.password);
  await page.getByTestId('login-submit').click();
  await page.getByTestId('sign-out').or(page.getByTestId('add-node')).first().waitFor();
}

export async function screenshot(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

/** Asks until `probe` answers something other than null or false. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | null | false>,
  limitMs = 60_000,
): Promise<T> {
  const until = Date.now() + limitMs;
  for (;;) {
    const found = await probe();
    if (found !== null && found !== false) return found;
    if (Date.now() > until) throw new Error(`Not within ${limitMs / 1000} s: ${what}`);
    await new Promise((done) => setTimeout(done, 200));
  }
}
