import { describe, expect, test } from 'vitest';
import { looksGood } from './axe';
import { canBoot, MACHINE, privateKey } from './host';
import { action, jobEnds, lookAndConfirm, retype, typeLogin } from './ssh';
import { Stage } from './stage';

const SPIDER = 'usr/local/bin/stardust-spider';

/** All the ways into one host, and out of it again. */
describe.skipIf(!canBoot())('ways into a host', () => {
  const stage = Stage.set('logins');

  const check = () => stage.page.getByTestId('check');
  const deploy = (state: string) => stage.page.locator(`[data-testid=deploy][data-state=${state}]`);

  async function back() {
    await stage.page.getByRole('button', { name: 'Back', exact: true }).click();
  }

  async function remove(name: string, force = false) {
    const { page } = stage;
    await action(page, 'Remove…');
    await page.getByTestId('confirm-name').fill(name);
    if (force) await page.getByText('Also when the machine can’t be reached').click();
    await page.getByTestId('run-submit').click();
  }

  test('a key that is refused is told apart from everything else', async () => {
    const { page } = stage;
    await typeLogin(page, { host: stage.host.address, user: 'ops', key: privateKey('stranger') });
    await lookAndConfirm(page);
    const login = page.locator('[data-step=login][data-state=failed]');
    await login.waitFor();
    expect(await login.innerText()).toMatch(/refus|accept/i);
    expect(await page.getByTestId('deploy-start').count()).toBe(0);
    await looksGood(page, 'login-refused');
    await back();
  });

  test('a password for SSH, and one for sudo that has to be right', async () => {
    const { page } = stage;
    await retype(page, { host: stage.host.address, password: 'ops-pass', sudo: 'not the one' });
    await page.getByTestId('ssh-check').click();
    await page.locator('[data-step=privilege][data-state=failed]').waitFor();
    await looksGood(page, 'sudo-refused');
    expect(await check().innerText()).toMatch(/sudo/i);
    await back();
    // From here on the host does not find Ground Control.
    stage.host.shell(`ip route replace blackhole ${MACHINE}`);
    await page.getByTestId('ssh-sudo').fill('ops-pass');
    await page.getByTestId('ssh-check').click();
    await page.locator('[data-step=privilege][data-state=done]').waitFor();
    await page.locator('[data-step=server][data-state=failed]').waitFor();
    await looksGood(page, 'no-way-back');
  });

  test('a deployment is cancelled and taken back, and goes through when tried again', async () => {
    const { page } = stage;
    await page.getByTestId('deploy-start').click();
    await page.locator('[data-testid=deploy] [data-step=verify][data-state=running]').waitFor();
    expect(stage.host.has(SPIDER)).toBe(true);
    await page.getByTestId('deploy-cancel').click();
    await deploy('cancelled').waitFor();
    expect(stage.host.has(SPIDER)).toBe(false);
    await looksGood(page, 'deploy-cancelled');
    stage.host.shell(`ip route replace ${MACHINE} via ${stage.host.address.replace(/\.2$/, '.1')}`);
    await page.getByTestId('deploy-retry').click();
    await deploy('succeeded').waitFor();
    await page.locator('[data-testid=deploy-node][data-status=online]').waitFor();
    await page.getByTestId('deploy-open').click();
    await expect.poll(() => page.getByTestId('node-status').getAttribute('data-status')).toBe('online');
  });

  test('a node that can’t be reached is removed by force, with what is left and how to clean it', async () => {
    const { page } = stage;
    const name = stage.host.read('etc/hostname').trim();
    stage.host.shell('systemctl stop ssh');
    await remove(name);
    expect(await jobEnds(page, 'failed')).toMatch(/reach|refused|connect/i);
    await looksGood(page, 'remove-unreachable');
    await page.goto(`${stage.url}/nodes/1`);
    await remove(name, true);
    await jobEnds(page, 'succeeded');
    const result = page.getByTestId('job-result');
    expect(await result.innerText()).toContain(`/${SPIDER}`);
    await looksGood(page, 'removed-by-force');
    expect(stage.host.has(SPIDER)).toBe(true);
    const commands = await result.locator('pre').innerText();
    stage.host.shell(commands);
    expect(stage.host.has(SPIDER)).toBe(false);
    expect(stage.host.has('etc/stardust')).toBe(false);
    expect(stage.host.shell('id stardust-spider 2>&1 || true')).toMatch(/no such user/);
    stage.host.shell('systemctl start ssh');
    await page.goto(stage.url);
    await page.getByText('No machines yet').waitFor();
  });

  test('without root it runs as a service of its user', async () => {
    const { page } = stage;
    stage.host.shell('loginctl enable-linger plain');
    await typeLogin(page, { host: stage.host.address, user: 'plain', key: privateKey('ed25519') });
    await lookAndConfirm(page);
    await page.locator('[data-step=privilege][data-state=failed]').waitFor();
    await page.getByText('Install it without root').click();
    // Looked at anew, for what counts then.
    await page.locator('[data-step=linger][data-state=done]').waitFor();
    await looksGood(page, 'without-root');
    await page.getByTestId('deploy-start').click();
    await page.locator('[data-testid=deploy-node][data-status=online]').waitFor();
    await page.getByTestId('deploy-open').click();
    await page.getByTestId('node-name').waitFor();
    await action(page, 'Connection…');
    await page.getByTestId('connection').waitFor();
    expect(await page.getByTestId('connection').innerText()).toMatch(/user/i);
    await looksGood(page, 'connection-without-root');
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await remove(stage.host.read('etc/hostname').trim());
    await jobEnds(page, 'succeeded');
  });

  test('through a jump host, both keys confirmed', async () => {
    const { page } = stage;
    await page.goto(stage.url);
    await typeLogin(page, {
      host: '127.0.0.1',
      key: privateKey('ed25519'),
      jump: { host: stage.host.address, user: 'plain' },
    });
    await page.getByTestId('ssh-check').click();
    await page.getByTestId('confirm-host-key').click();
    await page.locator('[data-step=jump_login][data-state=done]').waitFor();
    await looksGood(page, 'jump-host');
    await page.getByTestId('confirm-host-key').click();
    await page.getByTestId('deploy-start').click();
    await page.locator('[data-testid=deploy-node][data-status=online]').waitFor();
    await page.getByTestId('deploy-open').click();
    await action(page, 'Connection…');
    expect(await page.getByTestId('connection').innerText()).toContain(stage.host.address);
    await page.getByRole('button', { name: 'Close', exact: true }).click();
  });

  test('all of it is told by the events', async () => {
    const { page } = stage;
    await page.goto(`${stage.url}/events`);
    for (const kind of ['added', 'online', 'removed', 'job']) {
      await page.locator(`[data-event=${kind}]`).first().waitFor();
    }
    await page.getByTestId('events-jobs').click();
    await page.locator('[data-event=job]').filter({ hasText: 'cancelled' }).waitFor();
    await looksGood(page, 'events-of-logins');
    await page
      .locator('[data-event=job]')
      .filter({ hasText: 'failed' })
      .first()
      .getByRole('link')
      .last()
      .click();
    await page.getByTestId('job').waitFor();
  });

  stage.nothingWentWrong();
});
