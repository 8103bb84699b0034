import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { looksGood, PHONE } from './axe';
import { openBrowser, openPage, screenshot, signIn, type Watched } from './browser';
import { charts, drawnCharts } from './charts';
import { GroundControl } from './ground-control';
import { action } from './ssh';

let groundControl: GroundControl;
let browser: Browser;
let watched: Watched;
let gone = false;

beforeAll(async () => {
  [groundControl, browser] = await Promise.all([GroundControl.demo(), openBrowser()]);
  watched = await openPage(browser);
  await signIn(watched.page, groundControl);
});

afterAll(async () => {
  await browser?.close();
  if (!gone) await groundControl?.stop();
});

test('a tag leads to its nodes, and Enter to the one that is left', async () => {
  const { page } = watched;
  await page.goto(`${groundControl.url}/nodes/1`);
  await action(page, 'Edit tags…');
  await page.getByTestId('edit-tags').fill('my rack');
  await page.getByTestId('edit-submit').click();
  await page.locator('[data-tag="my rack"]').click();
  await page.waitForURL(/q=tag/);
  await expect.poll(() => page.getByTestId('fleet-found').innerText()).toContain('1 of 1');
  await page.getByTestId('fleet-search').press('Enter');
  await page.waitForURL(/\/nodes\/1/);
});

test('no cell of the table sticks out of its panel, whatever the width', async () => {
  const { page } = watched;
  await page.goto(`${groundControl.url}/?view=table`);
  const row = page.locator('[role=row][data-node-id]').first();
  for (const width of [390, 768, 1024, 1280, 1440, 2560]) {
    await page.setViewportSize({ width, height: 800 });
    await row.waitFor();
    const out = await page.getByRole('table').evaluate((table) => {
      const { right } = table.getBoundingClientRect();
      return [...table.querySelectorAll('[role=cell], [role=columnheader]')]
        .filter((cell) => cell.getBoundingClientRect().right > right - 8 && cell.clientWidth > 0)
        .map((cell) => cell.textContent);
    });
    expect(out, `${width} pixels`).toEqual([]);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto(`${groundControl.url}/?view=cards`);
});

test('range and unit are kept from tab to tab and in every figure', async () => {
  const { page } = watched;
  await page.goto(`${groundControl.url}/nodes/1?range=5m`);
  await drawnCharts(page, 3);
  await page.getByTestId('net-unit').click();
  await expect.poll(() => page.getByTestId('tile-network').innerText()).toMatch(/bit\/s/);
  await page.getByTestId('tab-events').click();
  await page.getByTestId('tab-charts').click();
  await page.waitForURL(/range=5m/);
  await page.goto(groundControl.url);
  await expect.poll(() => page.locator('[data-node-id]').first().innerText()).toMatch(/bit\/s/);
  await page.locator('[data-roving]').first().click();
  await page.waitForURL(/range=5m/);
  await page.getByTestId('net-unit').click();
  await expect.poll(() => page.getByTestId('tile-network').innerText()).toMatch(/B\/s/);
});

test('a chart can be read by keyboard, and says in words what it shows', async () => {
  const { page } = watched;
  await drawnCharts(page, 3);
  const cpu = page.getByRole('slider', { name: /^CPU: / });
  await cpu.focus();
  await page.keyboard.press('ArrowLeft');
  await expect.poll(() => cpu.getAttribute('aria-valuetext')).toMatch(/\d: user [\d.]+ %/);
  const words = await cpu.evaluate((chart) => {
    return document.getElementById(chart.getAttribute('aria-describedby')!)?.textContent;
  });
  expect(words).toMatch(/user: [\d.]+ %, between/);
  await page.getByTestId('filesystem-table').locator('tbody tr').first().waitFor();
  await screenshot(page, 'chart-by-keyboard');
});

test('packages of a node that is only watched lead to a connection', async () => {
  const { page } = watched;
  await page.goto(`${groundControl.url}/nodes/1/packages`);
  await page.getByTestId('packages-connect').click();
  const dialog = page.getByRole('dialog');
  await dialog.getByTestId('ssh-host').waitFor();
  // It stands in a text that is centred, and is not.
  expect(await dialog.evaluate((one) => getComputedStyle(one).textAlign)).toBe('left');
  await looksGood(page, 'packages-connect');
  await page.keyboard.press('Escape');
});

test('paper is white, and what can be clicked stays off it', async () => {
  const { page } = watched;
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  await expect.poll(() => page.evaluate(() => document.documentElement.dataset.theme)).toBe('light');
  expect(await page.getByRole('navigation', { name: 'Main' }).isVisible()).toBe(false);
  await screenshot(page, 'printed');
  await page.emulateMedia({ media: 'screen', colorScheme: 'dark' });
  await expect.poll(() => page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark');
});

test('the Spider can be had as a file, and commands for this machine alone say so', async () => {
  const { page } = watched;
  await page.goto(groundControl.url);
  await page.getByTestId('add-node').click();
  await page.getByTestId('add-way-hand').click();
  await page.getByTestId('add-node-name').fill('half filled in');
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Keep it' }).click();
  await page.getByTestId('add-node-submit').click();
  await page.getByTestId('local-address').waitFor();
  await looksGood(page, 'by-hand');
  const row = page.getByTestId('spider-files').locator('li').first();
  const [download] = await Promise.all([page.waitForEvent('download'), row.locator('a').click()]);
  const sum = createHash('sha256')
    .update(readFileSync(await download.path()))
    .digest('hex');
  expect(await row.innerText()).toContain(sum);
  await page.keyboard.press('Escape');
  await page.getByTestId('dialog-discard').click();
});

test('two fingers zoom, and the ranges stay in view', async () => {
  const { page } = await openPage(browser, PHONE);
  await signIn(page, groundControl);
  await page.goto(`${groundControl.url}/nodes/1?range=5m`);
  await drawnCharts(page, 3);
  // The first chart is on the first screen.
  expect((await page.locator('[data-chart=cpu]').boundingBox())!.y).toBeLessThan(PHONE.viewport.height * 0.7);
  await page.locator('[data-chart=memory]').scrollIntoViewIfNeeded();
  expect(await page.getByTestId('range-5m').isVisible()).toBe(true);
  const box = (await page.locator('[data-chart=memory] .u-over').boundingBox())!;
  const session = await page.context().newCDPSession(page);
  const fingers = (...places: number[]) => ({
    touchPoints: places.map((x, id) => ({ x: box.x + x, y: box.y + box.height / 2, id })),
  });
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', ...fingers(100, 140) });
  for (const apart of [10, 30, 60]) {
    await session.send('Input.dispatchTouchEvent', {
      type: 'touchMove',
      ...fingers(100 - apart, 140 + apart),
    });
  }
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  await page.waitForURL(/from=\d+&to=\d+/);
  await looksGood(page, 'zoomed-by-touch');
  await page.context().close();
});

test('a proxy that passes no WebSockets is named, with what to tell it', async () => {
  const upstream = new URL(groundControl.url);
  const proxy: Server = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    const onward = request({ host: upstream.hostname, port: upstream.port, method, path: url, headers });
    onward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    incoming.pipe(onward);
  });
  proxy.on('upgrade', (_, socket) => socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'));
  await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const { page } = await openPage(browser);
  try {
    await page.goto(url);
    await page.getByTestId('login-user').fill(groundControl.user);
    await page.getByTestId('login-password').fill(groundControl.password);
    await page.getByTestId('login-submit').click();
    await page.getByTestId('no-web-sockets').waitFor();
    await page.getByTestId('proxy-haproxy').click();
    await page.getByText('timeout tunnel 1h').waitFor();
    await looksGood(page, 'no-web-sockets');
  } finally {
    await page.context().close();
    proxy.closeAllConnections();
    proxy.close();
  }
});

test('charts stay when Ground Control goes, also when another range is asked for', async () => {
  const { page, troubles } = watched;
  await page.goto(`${groundControl.url}/nodes/1?range=5m`);
  const before = await drawnCharts(page, 3);
  expect(troubles).toEqual([]);
  gone = true;
  await groundControl.stop();
  await page.getByTestId('connection-lost').waitFor();
  await page.getByTestId('range-15m').click();
  await page.waitForURL(/range=15m/);
  await expect.poll(() => page.getByTestId('range-15m').getAttribute('aria-pressed')).toBe('true');
  await page.waitForTimeout(1_000);
  const after = await charts(page);
  expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  expect(after.every(({ coloured }) => coloured > 0)).toBe(true);
  await screenshot(page, 'server-gone');
});
