import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { DESKTOP, looksGood, PHONE } from './axe';
import { eventually, openBrowser, openPage, screenshot, signIn, type Watched } from './browser';
import { drawnCharts } from './charts';
import { GroundControl } from './ground-control';
import { canBoot, Host, MACHINE, privateKey } from './host';

/** What a hostile machine may say of itself. */
const HOSTILE = `Debian <img src=x onerror="document.title='taken over'">&lt;b>`;

describe.skipIf(!canBoot())('a host over SSH', () => {
  let host: Host;
  let groundControl: GroundControl;
  let browser: Browser;
  let watched: Watched;

  beforeAll(async () => {
    host = await Host.boot();
    host.write(
      'etc/os-release',
      `${host.read('etc/os-release').replace(/^PRETTY_NAME=.*$/m, '')}\nPRETTY_NAME='${HOSTILE.replaceAll("'", '')}'\n`,
    );
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
    if (task.result?.state === 'fail') await screenshot(watched.page, 'deploy-failed');
  });

  test('what is pasted is told apart before anything is sent', async () => {
    const { page } = watched;
    await page.getByTestId('add-node').first().click();
    await page.getByTestId('ssh-host').fill(`ssh -p 22 root@${host.address}`);
    await page.getByTestId('ssh-port').focus();
    await expect.poll(() => page.getByTestId('ssh-host').inputValue()).toBe(host.address);
    await page.getByTestId('ssh-check').click();
    await expect.poll(() => page.getByTestId('ssh-objection').innerText()).toMatch(/private key is missing/);
    await page.getByTestId('ssh-key').fill(privateKey('ed25519-locked'));
    await page.getByTestId('ssh-key-there').waitFor();
    await page.getByTestId('ssh-passphrase').fill('not the passphrase');
  });

  test('the host’s key is shown as it is, and has to be confirmed', async () => {
    const { page } = watched;
    await page.getByTestId('ssh-check').click();
    await page.getByTestId('host-key').waitFor();
    const shown = await page.getByTestId('fingerprint').innerText();
    expect([host.fingerprint('ed25519'), host.fingerprint('ecdsa')]).toContain(shown.split('\n').at(-1));
    expect(await page.getByTestId('deploy-start').count()).toBe(0);
    await screenshot(page, 'deploy-host-key');
    await page.getByTestId('confirm-host-key').click();
    await page.locator('[data-step=login][data-state=failed]').waitFor();
    await screenshot(page, 'deploy-passphrase');
    expect(await page.getByTestId('deploy-start').count()).toBe(0);
    await page.locator('[data-fold="1"] button').click();
    await page.getByTestId('ssh-passphrase').fill('key-pass');
    await page.getByTestId('ssh-check').click();
    // The key was confirmed for this host: no second question.
    await page.getByTestId('deploy-start').waitFor();
    expect(await page.getByTestId('check').getAttribute('data-ok')).toBe('true');
    await screenshot(page, 'deploy-check');
  });

  test('it is deployed step by step, until its first line is drawn', async () => {
    const { page } = watched;
    await page.getByTestId('deploy-start').click();
    await page.getByTestId('deploy').waitFor();
    await eventually('the deployment has succeeded', async () => {
      const state = await page.getByTestId('deploy').getAttribute('data-state');
      if (state === 'failed') throw new Error(await page.getByTestId('deploy').innerText());
      return state === 'succeeded';
    });
    await eventually('the node is online', async () => {
      return (await page.getByTestId('deploy-node').getAttribute('data-status')) === 'online';
    });
    const line = page.getByTestId('deploy-node').locator('svg path').last();
    await eventually('its sparkline has something in it', async () => (await line.getAttribute('d')) !== '');
    await screenshot(page, 'deploy-online');
    await page.getByTestId('deploy-open').click();
    await expect.poll(() => page.getByTestId('node-status').getAttribute('data-status')).toBe('online');
    await page.getByTestId('range-5m').click();
    await drawnCharts(page, 3);
    expect(host.has('usr/local/bin/stardust-spider')).toBe(true);
  });

  test('no secret stays in the browser', async () => {
    const { page } = watched;
    const kept = await page.evaluate(() =>
      JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, document.body.outerHTML]),
    );
    for (const secret of ['key-pass', 'PRIVATE KEY', privateKey('ed25519-locked').split('\n')[1]!]) {
      expect(kept.includes(secret), secret).toBe(false);
    }
  });

  test('the job says what was done, as text, and can be searched and saved', async () => {
    const { page } = watched;
    await page.getByTestId('tab-jobs').click();
    await page.locator('[data-job-id]').first().click();
    await page.getByTestId('job').waitFor();
    await page.locator('[data-step=verify][data-state=done]').waitFor();
    await eventually('its output is there', async () => {
      return Number(await page.getByTestId('output').getAttribute('data-lines')) > 0;
    });
    expect(await page.locator('[data-testid=job] img').count()).toBe(0);
    expect(await page.title()).not.toBe('taken over');
    expect(await page.getByTestId('job').innerText()).toContain('<img src=x');
    const word = (await page.getByTestId('output').innerText()).split(/\s+/).find((one) => one.length > 4)!;
    await page.getByTestId('output-search').fill(word);
    await expect.poll(() => page.getByTestId('output-found').innerText()).toMatch(/^1 of \d+/);
    await page.locator('mark').first().waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByTestId('output-download').click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/\.txt$/);
    await screenshot(page, 'job');
  });

  test('the token is rotated without a gap that stays', async () => {
    const { page } = watched;
    await page.goto(`${groundControl.url}/nodes/1`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Rotate the token…' }).click();
    await page.getByTestId('run-submit').click();
    await page.getByTestId('job').waitFor();
    await expect
      .poll(() => page.getByTestId('job').getAttribute('data-state'), { timeout: 60_000 })
      .toBe('succeeded');
    await page.goto(`${groundControl.url}/nodes/1`);
    await expect.poll(() => page.getByTestId('node-status').getAttribute('data-status')).toBe('online');
  });

  test('a host key that changes stops all, until the new one is accepted', async () => {
    const { page } = watched;
    const before = host.fingerprint('ed25519');
    host.shell(
      "rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh",
    );
    const after = host.fingerprint('ed25519');
    expect(after).not.toBe(before);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Connection…' }).click();
    await page.getByTestId('try-connection').click();
    await page.getByTestId('changed-key').waitFor();
    const shown = await page.getByTestId('changed-key').innerText();
    expect(shown).toContain(before);
    expect(shown).toContain(after);
    await screenshot(page, 'changed-key');
    await page.getByTestId('accept-key').click();
    await expect.poll(() => page.getByTestId('tried').getAttribute('data-ok')).toBe('true');
    expect(await page.getByTestId('connection').innerText()).toContain(after);
    await page.getByRole('button', { name: 'Close', exact: true }).click();
  });

  test('credentials are forgotten, and asked for by the next job', async () => {
    const { page } = watched;
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Connection…' }).click();
    await page.getByTestId('connection').waitFor();
    expect(await page.getByTestId('fingerprint').innerText()).toContain('SHA256:');
    await screenshot(page, 'connection');
    await page.getByTestId('forget').click();
    await page.getByTestId('forget-submit').click();
    await page.getByText('Forgotten: jobs ask for them').waitFor();
    await page.getByRole('button', { name: 'Close', exact: true }).click();

    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Deploy it anew…' }).click();
    await page.getByTestId('run-submit').click();
    await page.getByTestId('secrets').waitFor();
    watched.troubles.splice(0); // The browser notes the 409 that this answers.
    await page.getByTestId('secret-key').fill(privateKey('ed25519'));
    await screenshot(page, 'asked-for-secrets');
    await page.getByTestId('run-submit').click();
    await page.getByTestId('job').waitFor();
    await expect
      .poll(() => page.getByTestId('job').getAttribute('data-state'), { timeout: 60_000 })
      .toBe('succeeded');
  });

  test.each([
    ['dark', DESKTOP],
    ['light', DESKTOP],
    ['dark', PHONE],
    ['light', PHONE],
  ] as const)('jobs look good, %s', async (colorScheme, size) => {
    const other = await openPage(browser, { ...size, colorScheme }, groundControl.url);
    const { page } = other;
    const name = `${colorScheme}-${size.viewport.width}`;
    await signIn(page, groundControl);
    await page.goto(`${groundControl.url}/jobs`);
    await page.locator('[data-job-id]').first().waitFor();
    await looksGood(page, `jobs-${name}`);
    await page.goto(`${groundControl.url}/jobs/1`);
    await page.locator('[data-step=verify]').waitFor();
    await eventually('its output is there', async () => {
      return Number(await page.getByTestId('output').getAttribute('data-lines')) > 0;
    });
    await looksGood(page, `job-${name}`);
    await page.goto(`${groundControl.url}/nodes/1/jobs`);
    await page.locator('[data-job-id]').first().waitFor();
    await looksGood(page, `node-jobs-${name}`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Connection…' }).click();
    await page.getByTestId('connection').waitFor();
    await looksGood(page, `connection-${name}`);
    await page.getByTestId('replace').click();
    await page.getByTestId('connection-check').waitFor();
    await looksGood(page, `replace-${name}`);
    await page.goto(groundControl.url);
    await page.getByTestId('select').click();
    await page.locator('[data-node-id][data-status]').first().click();
    await page.getByTestId('selection').waitFor();
    await looksGood(page, `selection-${name}`);
    expect(other.troubles).toEqual([]);
    await page.context().close();
  });

  test('it is removed by its name, and nothing is left on it', async () => {
    const { page } = watched;
    await page.goto(`${groundControl.url}/nodes/1`);
    await page.getByRole('button', { name: 'Actions' }).click();
    await page.getByRole('menuitem', { name: 'Remove…' }).click();
    const submit = page.getByTestId('run-submit');
    expect(await submit.isDisabled()).toBe(true);
    await page.getByTestId('confirm-name').fill(host.read('etc/hostname').trim());
    await submit.click();
    // Its credentials were forgotten above.
    await page.getByTestId('secrets').waitFor();
    watched.troubles.splice(0);
    await page.getByTestId('secret-key').fill(privateKey('ed25519'));
    await submit.click();
    await page.getByTestId('job').waitFor();
    await expect
      .poll(() => page.getByTestId('job').getAttribute('data-state'), { timeout: 60_000 })
      .toBe('succeeded');
    await page.getByTestId('job-result').waitFor();
    await screenshot(page, 'removed');
    expect(host.has('usr/local/bin/stardust-spider')).toBe(false);
    await page.goto(groundControl.url);
    await page.getByText('No machines yet').waitFor();
  });

  test('a list is read, looked at, confirmed and deployed, each host by itself', async () => {
    const { page } = watched;
    await page.getByTestId('add-node').first().click();
    await page.getByTestId('add-way-list').click();
    const lines = [
      'name,host,port,tags',
      `listed,${host.address},22,from-a-list`,
      `closed,${host.address},23,`,
    ];
    await page.getByTestId('import-text').fill(lines.join('\n'));
    await page.getByTestId('import-read').click();
    await page.getByTestId('import-key').fill(privateKey('ed25519'));
    await page.getByTestId('import-look').click();
    await page.locator('[data-line="3"][data-state=failed]').waitFor();
    const asked = page.locator('[data-line="2"][data-state=asks]');
    await asked.waitFor();
    expect(await asked.getByTestId('import-fingerprint').innerText()).toContain(host.fingerprint('ed25519'));
    expect(await page.getByTestId('import-confirm').isDisabled()).toBe(true);
    await screenshot(page, 'import');
    await asked.locator('input').check();
    await page.getByTestId('import-confirm').click();
    await page.getByTestId('import-deploy').click();
    await page.locator('[data-line="2"][data-state=succeeded]').waitFor();
    await screenshot(page, 'import-done');
    await page.getByRole('button', { name: 'Close', exact: true }).first().click();
    await eventually('it is online', async () =>
      page.locator('[data-node-id][data-status=online]').filter({ hasText: 'listed' }).isVisible(),
    );
  });

  test('nothing went wrong on the way', () => {
    expect(watched.troubles).toEqual([]);
  });
});
