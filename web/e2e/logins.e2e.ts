import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openBrowser, openPage, screenshot, signIn, type Watched } from './browser';
import { GroundControl } from './ground-control';
import { canBoot, Host, MACHINE, privateKey } from './host';
import { action, jobEnds, lookAndConfirm, retype, typeLogin } from './ssh';

const SPIDER = 'usr/local/bin/stardust-spider';

/** All the ways into one host, and out of it again. */
describe.skipIf(!canBoot())('ways into a host', () => {
  let host: Host;
  let groundControl: GroundControl;
  let browser: Browser;
  let watched: Watched;

  beforeAll(async () => {
    host = await Host.boot();
    [groundControl, browser] = await Promise.all([GroundControl.at(MACHINE), openBrowser()]);
    watched = await openPage(browser, {}, groundControl.url);
    await signIn(watched.page, groundControl);
  });

  afterAll(async () => {
    await browser?.close();
    await groundControl?.stop();
    await host?.stop();
  });

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail') await screenshot(watched.page, 'logins-failed');
  });

  const check = () => watched.page.getByTestId('check');
  const deploy = (state: string) => watched.page.locator(`[data-testid=deploy][data-state=${state}]`);

  async function back() {
    await watched.page.getByRole('button', { name: 'Back', exact: true }).click();
  }

  async function remove(name: string, force = false) {
    const { page } = watched;
    await action(page, 'Remove…');
    await page.getByTestId('confirm-name').fill(name);
    if (force) await page.getByText('Also when the machine can’t be reached').click();
    await page.getByTestId('run-submit').click();
  }

  test('a key that is refused is told apart from everything else', async () => {
    const { page } = watched;
    await typeLogin(page, { host: host.address, user: 'ops', key: privateKey('stranger') });
    await lookAndConfirm(page);
    const login = page.locator('[data-step=login][data-state=failed]');
    await login.waitFor();
    expect(await login.innerText()).toMatch(/refus|accept/i);
    expect(await page.getByTestId('deploy-start').count()).toBe(0);
    await screenshot(page, 'login-refused');
    await back();
  });

  test('a password for SSH, and one for sudo that has to be right', async () => {
    const { page } = watched;
    await retype(page, { host: host.address, password: 'ops-pass', sudo: 'not the one' });
    await page.getByTestId('ssh-check').click();
    await page.locator('[data-step=privilege][data-state=failed]').waitFor();
    await screenshot(page, 'sudo-refused');
    expect(await check().innerText()).toMatch(/sudo/i);
    await back();
    // From here on the host does not find Ground Control.
    host.shell(`ip route replace blackhole ${MACHINE}`);
    await page.getByTestId('ssh-sudo').fill('ops-pass');
    await page.getByTestId('ssh-check').click();
    await page.locator('[data-step=privilege][data-state=done]').waitFor();
    await page.locator('[data-step=server][data-state=failed]').waitFor();
    await screenshot(page, 'no-way-back');
  });

  test('a deployment is cancelled and taken back, and goes through when tried again', async () => {
    const { page } = watched;
    await page.getByTestId('deploy-start').click();
    await page.locator('[data-testid=deploy] [data-step=verify][data-state=running]').waitFor();
    expect(host.has(SPIDER)).toBe(true);
    await page.getByTestId('deploy-cancel').click();
    await deploy('cancelled').waitFor();
    expect(host.has(SPIDER)).toBe(false);
    await screenshot(page, 'deploy-cancelled');
    host.shell(`ip route replace ${MACHINE} via ${host.address.replace(/\.2$/, '.1')}`);
    await page.getByTestId('deploy-retry').click();
    await deploy('succeeded').waitFor();
    await page.locator('[data-testid=deploy-node][data-status=online]').waitFor();
    await page.getByTestId('deploy-open').click();
    await expect.poll(() => page.getByTestId('node-status').getAttribute('data-status')).toBe('online');
  });

  test('a node that can’t be reached is removed by force, with what is left and how to clean it', async () => {
    const { page } = watched;
    const name = host.read('etc/hostname').trim();
    host.shell('systemctl stop ssh');
    await remove(name);
    expect(await jobEnds(page, 'failed')).toMatch(/reach|refused|connect/i);
    await screenshot(page, 'remove-unreachable');
    await page.goto(`${groundControl.url}/nodes/1`);
    await remove(name, true);
    await jobEnds(page, 'succeeded');
    const result = page.getByTestId('job-result');
    expect(await result.innerText()).toContain(`/${SPIDER}`);
    await screenshot(page, 'removed-by-force');
    expect(host.has(SPIDER)).toBe(true);
    const commands = await result.locator('pre').innerText();
    host.shell(commands);
    expect(host.has(SPIDER)).toBe(false);
    expect(host.has('etc/stardust')).toBe(false);
    expect(host.shell('id stardust-spider 2>&1 || true')).toMatch(/no such user/);
    host.shell('systemctl start ssh');
    await page.goto(groundControl.url);
    await page.getByText('No machines yet').waitFor();
  });

  test('without root it runs as a service of its user', async () => {
    const { page } = watched;
    host.shell('loginctl enable-linger plain');
    await typeLogin(page, { host: host.address, user: 'plain', key: privateKey('ed25519') });
    await lookAndConfirm(page);
    await page.locator('[data-step=privilege][data-state=failed]').waitFor();
    await page.getByText('Install it without root').click();
    await screenshot(page, 'without-root');
    await page.getByTestId('deploy-start').click();
    await page.locator('[data-testid=deploy-node][data-status=online]').waitFor();
    await page.getByTestId('deploy-open').click();
    await page.getByTestId('node-name').waitFor();
    await action(page, 'Connection…');
    await page.getByTestId('connection').waitFor();
    expect(await page.getByTestId('connection').innerText()).toMatch(/user/i);
    await screenshot(page, 'connection-without-root');
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await remove(host.read('etc/hostname').trim());
    await jobEnds(page, 'succeeded');
  });

  test('through a jump host, both keys confirmed', async () => {
    const { page } = watched;
    await page.goto(groundControl.url);
    await typeLogin(page, {
      host: '127.0.0.1',
      key: privateKey('ed25519'),
      jump: { host: host.address, user: 'plain' },
    });
    await page.getByTestId('ssh-check').click();
    await page.getByTestId('confirm-host-key').click();
    await page.locator('[data-step=jump_login][data-state=done]').waitFor();
    await screenshot(page, 'jump-host');
    await page.getByTestId('confirm-host-key').click();
    await page.getByTestId('deploy-start').click();
    await page.locator('[data-testid=deploy-node][data-status=online]').waitFor();
    await page.getByTestId('deploy-open').click();
    await action(page, 'Connection…');
    expect(await page.getByTestId('connection').innerText()).toContain(host.address);
    await page.getByRole('button', { name: 'Close', exact: true }).click();
  });

  test('all of it is told by the events', async () => {
    const { page } = watched;
    await page.goto(`${groundControl.url}/events`);
    for (const kind of ['added', 'online', 'removed', 'job']) {
      await page.locator(`[data-event=${kind}]`).first().waitFor();
    }
    await page.getByTestId('events-jobs').click();
    await page.locator('[data-event=job]').filter({ hasText: 'cancelled' }).waitFor();
    await screenshot(page, 'events-of-logins');
    await page
      .locator('[data-event=job]')
      .filter({ hasText: 'failed' })
      .first()
      .getByRole('link')
      .last()
      .click();
    await page.getByTestId('job').waitFor();
  });

  test('nothing went wrong on the way', () => {
    expect(watched.troubles).toEqual([]);
  });
});
