import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, openBrowser, openPage, screenshot, signIn, type Watched } from './browser';
import { charts, drawnCharts } from './charts';
import { GroundControl, Program } from './ground-control';
import { action } from './ssh';

let groundControl: GroundControl;
let browser: Browser;
let watched: Watched;

beforeAll(async () => {
  [groundControl, browser] = await Promise.all([GroundControl.demo(), openBrowser()]);
  watched = await openPage(browser);
});

afterAll(async () => {
  await browser?.close();
  const end = await groundControl?.stop();
  expect(end).toEqual({ code: 0, left: [] });
});

function card() {
  return watched.page.locator('[data-node-id][data-status]').filter({ hasText: 'this-machine' });
}

test('a wrong password is refused in words, the right one leads to the fleet', async () => {
  const { page } = watched;
  await page.goto(groundControl.url);
  await page.getByTestId('login-user').fill(groundControl.user);
  await page.getByTestId('login-password').fill('not the password');
  const refused = page.waitForResponse((response) => response.url().endsWith('/api/auth/login'));
  await page.getByTestId('login-submit').click();
  expect((await refused).status()).toBe(401);
  await expect.poll(() => page.locator('[role=alert]').first().innerText()).toMatch(/password/i);
  // The refusal is what was asked for; the browser notes its 401 as an error.
  watched.troubles.splice(0);
  await signIn(page, groundControl);
});

test('the fleet shows this machine online, with values that change', async () => {
  const started = Date.now();
  await eventually('it is online', async () => (await card().getAttribute('data-status')) === 'online');
  expect(Date.now() - started).toBeLessThan(10_000);
  const seen = new Set<string>();
  await eventually('its values change', async () => {
    seen.add(await card().innerText());
    return seen.size >= 3;
  });
  expect([...seen].at(-1)).toMatch(/CPU[\s\S]*%/);
  await screenshot(watched.page, 'fleet');
});

test('the node page draws real points, live', async () => {
  const { page } = watched;
  await card().click();
  await page.waitForURL(/\/nodes\/1/);
  await expect.poll(() => page.getByTestId('node-name').innerText()).toBe('this-machine');
  await page.getByTestId('range-5m').click();
  const first = await drawnCharts(page, 3);
  expect(first.map((chart) => chart.id)).toEqual(expect.arrayContaining(['cpu', 'memory', 'load']));
  // They go on by themselves.
  await drawnCharts(page, Math.min(...first.map((chart) => chart.points)) + 5);
  await screenshot(page, 'node');
});

test('a reload keeps what was drawn', async () => {
  const { page } = watched;
  const before = await eventually('there is something to lose', async () => {
    const all = await charts(page);
    return all.every((chart) => chart.points >= 15) && all;
  });
  await page.reload();
  await drawnCharts(page, 3);
  const after = await charts(page);
  for (const chart of before) {
    const now = after.find((other) => other.id === chart.id);
    expect(now?.points, chart.id).toBeGreaterThanOrEqual(Math.floor(chart.points * 0.7));
  }
  expect(page.url()).toContain('5m');
});

test('another range is drawn, linked to and kept', async () => {
  const { page } = watched;
  await page.getByTestId('range-1h').click();
  await page.waitForURL(/1h/);
  // An hour of which a minute is known: few buckets, but real ones.
  await drawnCharts(page, 1);
  await page.goBack();
  await page.waitForURL(/5m/);
  await drawnCharts(page, 3);
});

test('a node is added by hand, goes online with the command that is shown, and is deleted', async () => {
  const { page } = watched;
  await page.goto(groundControl.url);
  await page.getByTestId('add-node').click();
  await page.getByTestId('add-way-hand').click();
  await page.getByTestId('add-node-name').fill('added-by-hand');
  await page.getByTestId('add-node-tags').fill('test, hand');
  await page.getByTestId('add-node-submit').click();
  const command = (await page.getByTestId('add-node-command').innerText()).trim();
  const token = (await page.getByTestId('add-node-token').innerText()).trim();
  expect(command).toContain(token);
  await expect.poll(() => page.getByTestId('add-node-state').getAttribute('data-status')).toBe('pending');
  await screenshot(page, 'add-node');

  // As it would be pasted, with the Spider's file in place of its name.
  const pasted = command.replace('stardust-spider', groundControl.spider);
  const spider = new Program('sh', ['-c', `exec env ${pasted} --interval 1000`], {});
  try {
    await eventually('the dialog says so', async () => {
      return (await page.getByTestId('add-node-state').getAttribute('data-status')) === 'online';
    });
    await page.getByTestId('add-node-open').click();
    await expect.poll(() => page.getByTestId('node-status').getAttribute('data-status')).toBe('online');
    await page.getByTestId('range-5m').click();
    await drawnCharts(page, 3);

    await action(page, 'Delete…');
    const submit = page.getByTestId('delete-submit');
    expect(await submit.isDisabled()).toBe(true);
    await page.getByTestId('confirm-name').fill('added-by-hand');
    await submit.click();
    await page.waitForURL((url) => url.pathname === '/');
    await card().waitFor();
    expect(await page.getByText('added-by-hand').count()).toBe(0);
    // Its Spider hears that the token is dead, and stays away.
    await spider.says(/(token)/);
  } finally {
    await spider.stop('SIGTERM');
  }
});

test('what happens is told while somebody looks, without asking again', async () => {
  const { page } = watched;
  let asked = 0;
  page.on('request', (request) => {
    if (new URL(request.url()).pathname === '/api/events') asked += 1;
  });
  await page.goto(`${groundControl.url}/events?show=changes`);
  await page.locator('[data-event=removed]').waitFor();
  const renamed = page.locator('[data-event=renamed]');
  expect(await renamed.count()).toBe(0);
  const other = await page.context().newPage();
  await other.goto(`${groundControl.url}/nodes/1`);
  for (const name of ['<b>ziggy</b>', 'this-machine']) {
    await action(other, 'Rename…');
    await other.getByTestId('edit-name').fill(name);
    await other.getByTestId('edit-submit').click();
    await expect.poll(() => other.getByTestId('node-name').innerText()).toBe(name);
  }
  await other.close();
  await expect.poll(() => renamed.count()).toBe(2);
  expect(await renamed.first().innerText()).toContain('Renamed from <b>ziggy</b>');
  expect(asked).toBe(1);
});

test('logging out leads to the login, and the way back is closed', async () => {
  const { page } = watched;
  await page.goto(`${groundControl.url}/settings`);
  await page.getByTestId('sign-out').click();
  await page.getByTestId('login-submit').waitFor();
  await page.goto(`${groundControl.url}/nodes/1`);
  await page.getByTestId('login-submit').waitFor();
});

test('nothing went wrong on the way', () => {
  expect(watched.troubles).toEqual([]);
});
