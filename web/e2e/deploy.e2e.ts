import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { looksGood } from './axe';
import { eventually } from './browser';
import { drawnCharts } from './charts';
import { canBoot, privateKey } from './host';
import { action, jobEnds } from './ssh';
import { Stage } from './stage';

/** What a hostile machine may say of itself. */
const HOSTILE = `Debian <img src=x onerror="document.title='taken over'">&lt;b>`;

describe.skipIf(!canBoot())('a host over SSH', () => {
  const stage = Stage.set('deploy', {
    prepare: (host) =>
      host.write(
        'etc/os-release',
        `${host.read('etc/os-release').replace(/^PRETTY_NAME=.*$/m, '')}\nPRETTY_NAME='${HOSTILE.replaceAll("'", '')}'\n`,
      ),
  });

  test('what is pasted is told apart before anything is sent', async () => {
    const { page } = stage;
    await page.getByTestId('add-node').first().click();
    await page.getByTestId('ssh-host').fill(`ssh -p 22 root@${stage.host.address}`);
    await page.getByTestId('ssh-port').focus();
    await expect.poll(() => page.getByTestId('ssh-host').inputValue()).toBe(stage.host.address);
    await page.getByTestId('ssh-check').click();
    await expect.poll(() => page.getByTestId('ssh-objection').innerText()).toMatch(/private key is missing/);
    await page.getByTestId('ssh-key').fill(privateKey('ed25519-locked'));
    await page.getByTestId('ssh-key-there').waitFor();
    await page.getByTestId('ssh-passphrase').fill('not the passphrase');
  });

  test('the host’s key is shown as it is, and has to be confirmed', async () => {
    const { page } = stage;
    await page.getByTestId('ssh-check').click();
    await page.getByTestId('host-key').waitFor();
    const shown = await page.getByTestId('fingerprint').innerText();
    expect([stage.host.fingerprint('ed25519'), stage.host.fingerprint('ecdsa')]).toContain(
      shown.split('\n').at(-1),
    );
    expect(await page.getByTestId('deploy-start').count()).toBe(0);
    await looksGood(page, 'deploy-host-key');
    await page.getByTestId('confirm-host-key').click();
    await page.locator('[data-step=login][data-state=failed]').waitFor();
    await looksGood(page, 'deploy-passphrase');
    expect(await page.getByTestId('deploy-start').count()).toBe(0);
    await page.locator('[data-fold="1"] button').click();
    await page.getByTestId('ssh-passphrase').fill('key-pass');
    await page.getByTestId('ssh-check').click();
    // The key was confirmed for this host: no second question.
    await page.getByTestId('deploy-start').waitFor();
    expect(await page.getByTestId('check').getAttribute('data-ok')).toBe('true');
    await looksGood(page, 'deploy-check');
  });

  test('it is deployed step by step, until its first line is drawn', async () => {
    const { page } = stage;
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
    await looksGood(page, 'deploy-online');
    await page.getByTestId('deploy-open').click();
    await expect.poll(() => page.getByTestId('node-status').getAttribute('data-status')).toBe('online');
    // Its own disk, not that of the machine around it.
    await page.getByText('Fullest disk, /', { exact: true }).waitFor();
    await page.getByTestId('range-5m').click();
    await drawnCharts(page, 3);
    expect(stage.host.has('usr/local/bin/stardust-spider')).toBe(true);
  });

  test('no secret stays in the browser', async () => {
    const { page } = stage;
    const kept = await page.evaluate(() =>
      JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }, document.body.outerHTML]),
    );
    for (const secret of ['key-pass', 'PRIVATE KEY', privateKey('ed25519-locked').split('\n')[1]!]) {
      expect(kept.includes(secret), secret).toBe(false);
    }
  });

  test('the job says what was done, as text, and can be searched and saved', async () => {
    const { page } = stage;
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
      page
        .getByRole('button', { name: 'Download the output' })
        .click()
        .then(() => page.getByRole('menuitem', { name: 'Plain text' }).click()),
    ]);
    expect(download.suggestedFilename()).toMatch(/\.txt$/);
    await looksGood(page, 'job');
  });

  test('the token is rotated without a gap that stays', async () => {
    const { page } = stage;
    await page.goto(`${stage.url}/nodes/1`);
    await action(page, 'Rotate the token…');
    await page.getByTestId('run-submit').click();
    await jobEnds(page, 'succeeded');
    await page.goto(`${stage.url}/nodes/1`);
    await expect.poll(() => page.getByTestId('node-status').getAttribute('data-status')).toBe('online');
  });

  test('a host key that changes stops all, until the new one is accepted', async () => {
    const { page } = stage;
    const before = stage.host.fingerprint('ed25519');
    stage.host.shell(
      "rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh",
    );
    const after = stage.host.fingerprint('ed25519');
    expect(after).not.toBe(before);
    // The job that it stops leads to where the keys are compared.
    await action(page, 'Rotate the token…');
    await page.getByTestId('run-submit').click();
    await jobEnds(page, 'failed');
    await looksGood(page, 'changed-key-job');
    await page.getByTestId('to-connection').click();
    await page.getByTestId('try-connection').click();
    await page.getByTestId('changed-key').waitFor();
    const shown = await page.getByTestId('changed-key').innerText();
    expect(shown).toContain(before);
    expect(shown).toContain(after);
    await looksGood(page, 'changed-key');
    await page.getByTestId('accept-key').click();
    await expect.poll(() => page.getByTestId('tried').getAttribute('data-ok')).toBe('true');
    expect(await page.getByTestId('connection').innerText()).toContain(after);
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await page.goto(`${stage.url}/nodes/1`);
  });

  test('credentials are forgotten, and asked for by the next job', async () => {
    const { page } = stage;
    await action(page, 'Connection…');
    await page.getByTestId('connection').waitFor();
    expect(await page.getByTestId('fingerprint').innerText()).toContain('SHA256:');
    await looksGood(page, 'connection');
    await page.getByTestId('forget').click();
    await page.getByTestId('forget-submit').click();
    await page.getByText('Forgotten: jobs ask for them').waitFor();
    await page.getByRole('button', { name: 'Close', exact: true }).click();

    await action(page, 'Deploy it anew…');
    await page.getByTestId('run-submit').click();
    await page.getByTestId('secrets').waitFor();
    stage.watched.troubles.splice(0); // The browser notes the 409 that this answers.
    await page.getByTestId('secret-key').fill(privateKey('ed25519'));
    await looksGood(page, 'asked-for-secrets');
    await page.getByTestId('run-submit').click();
    await jobEnds(page, 'succeeded');
  });

  /** Every dialog of the node's menu, where the keyboard is, and the way out of it. */
  async function dialogs(page: Page, name: string) {
    for (const [item, focused] of [
      ['Rename…', 'edit-name'],
      ['Edit tags…', 'edit-tags'],
      ['Deploy it anew…', 'run-submit'],
      ['Rotate the token…', 'run-submit'],
      ['Reboot…', 'confirm-name'],
      ['Remove…', 'confirm-name'],
      ['Forget it here only…', 'confirm-name'],
    ] as const) {
      await action(page, item);
      await page.getByRole('dialog').waitFor();
      const focus = page.getByTestId(focused);
      await expect
        .poll(() => focus.evaluate((one) => one === document.activeElement), { message: item })
        .toBe(true);
      await looksGood(page, `${item.replace(/\W+/g, '-').toLowerCase()}${name}`);
      await page.keyboard.press('Escape');
      await expect.poll(() => page.getByRole('dialog').count()).toBe(0);
      const back = page.getByRole('button', { name: 'Actions' });
      await expect
        .poll(() => back.evaluate((one) => one === document.activeElement), { message: item })
        .toBe(true);
    }
  }

  stage.looks('jobs', async (page, name) => {
    await page.goto(`${stage.url}/jobs`);
    await page.locator('[data-job-id]').first().waitFor();
    await looksGood(page, `jobs-${name}`);
    await page.goto(`${stage.url}/jobs/1`);
    await page.locator('[data-step=verify]').waitFor({ state: 'attached' });
    await eventually('its output is there', async () => {
      return Number(await page.getByTestId('output').getAttribute('data-lines')) > 0;
    });
    await looksGood(page, `job-${name}`);
    await page.goto(`${stage.url}/nodes/1/jobs`);
    await page.locator('[data-job-id]').first().waitFor();
    await looksGood(page, `node-jobs-${name}`);
    await action(page, 'Connection…');
    await page.getByTestId('connection').waitFor();
    await looksGood(page, `connection-${name}`);
    await page.getByTestId('replace').click();
    await page.getByTestId('connection-check').waitFor();
    await looksGood(page, `replace-${name}`);
    await page.keyboard.press('Escape');
    if (name === 'dark-1280' || name === 'light-390') await dialogs(page, name);
    await page.goto(stage.url);
    await page.getByTestId('select').click();
    await page.locator('[data-node-id][data-status]').first().click();
    await page.getByTestId('selection').waitFor();
    await looksGood(page, `selection-${name}`);
  });

  test('it is removed by its name, and nothing is left on it', async () => {
    const { page } = stage;
    await page.goto(`${stage.url}/nodes/1`);
    await action(page, 'Remove…');
    const submit = page.getByTestId('run-submit');
    expect(await submit.isDisabled()).toBe(true);
    await page.getByTestId('confirm-name').fill(stage.host.read('etc/hostname').trim());
    await submit.click();
    // Its credentials were forgotten above.
    await page.getByTestId('secrets').waitFor();
    stage.watched.troubles.splice(0);
    await page.getByTestId('secret-key').fill(privateKey('ed25519'));
    await submit.click();
    await jobEnds(page, 'succeeded');
    await page.getByTestId('job-result').waitFor();
    await looksGood(page, 'removed');
    expect(stage.host.has('usr/local/bin/stardust-spider')).toBe(false);
    await page.goto(stage.url);
    await page.getByText('No machines yet').waitFor();
  });

  test('a list is read, looked at, confirmed and deployed, each host by itself', async () => {
    const { page } = stage;
    await page.getByTestId('add-node').first().click();
    await page.getByTestId('add-way-list').click();
    const lines = [
      'name,host,port,tags',
      `listed,${stage.host.address},22,from-a-list`,
      `closed,${stage.host.address},23,`,
    ];
    await page.getByTestId('import-text').fill(lines.join('\n'));
    await page.getByTestId('import-read').click();
    await page.getByTestId('import-key').fill(privateKey('ed25519'));
    await page.getByTestId('import-look').click();
    await page.locator('[data-line="3"][data-state=failed]').waitFor();
    const asked = page.locator('[data-line="2"][data-state=asks]');
    await asked.waitFor();
    expect(await asked.getByTestId('import-fingerprint').innerText()).toContain(
      stage.host.fingerprint('ed25519'),
    );
    expect(await page.getByTestId('import-confirm').isDisabled()).toBe(true);
    await looksGood(page, 'import');
    await asked.locator('input').check();
    await page.getByTestId('import-confirm').click();
    await page.getByTestId('import-deploy').click();
    await page.locator('[data-line="2"][data-state=succeeded]').waitFor();
    await looksGood(page, 'import-done');
    await page.getByRole('button', { name: 'Close', exact: true }).first().click();
    await eventually('it is online', async () =>
      page.locator('[data-node-id][data-status=online]').filter({ hasText: 'listed' }).isVisible(),
    );
  });

  stage.nothingWentWrong();
});
