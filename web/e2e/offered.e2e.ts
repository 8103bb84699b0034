import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { looksGood } from './axe';
import { openPage } from './browser';
import { canBoot, privateKey } from './host';
import { action, jobEnds, lookAndConfirm, typeLogin } from './ssh';
import { Stage } from './stage';

/** An empty one, so that looking for upgrades needs no network. */
const REPOSITORY = `
set -e
mkdir -p /srv/repo && : >/srv/repo/Packages
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list
`;
const PASSWORD = 'turn and face the strange';

/** On a node that is reached over SSH: what each role is offered there, and that it is then done. */
describe.skipIf(!canBoot())('what is offered on a host', () => {
  const stage = Stage.set('offered', { prepare: (host) => host.shell(REPOSITORY) });

  beforeAll(async () => {
    const { page } = stage;
    await typeLogin(page, { host: stage.host.address, user: 'deploy', key: privateKey('ed25519') });
    await page.getByText('More: name, tags, jump host').click();
    await page.getByTestId('deploy-tags').fill('web');
    await lookAndConfirm(page);
    await page.getByTestId('deploy-start').click();
    await page.getByTestId('deploy-open').click();
    await page.getByTestId('node-name').waitFor();
    for (const user of [
      { username: 'viewer', role: 'viewer' },
      { username: 'operator', role: 'operator' },
      { username: 'deployer', role: 'viewer', rights: ['deploy'] },
      { username: 'keeper', role: 'admin' },
    ]) {
      const made = await page.evaluate(
        async (body) => {
          const session = await (await fetch('/api/auth/session')).json();
          const headers = { 'Content-Type': 'application/json', 'X-CSRF-Token': session.csrf };
          return (await fetch('/api/users', { method: 'POST', headers, body })).status;
        },
        JSON.stringify({ ...user, tags: ['web'], password: PASSWORD }),
      );
      expect(made).toBe(201);
    }
  });

  /** The node's page in a browser of its own; no request that it makes may be refused. */
  async function as(user: string, look: (page: Page) => Promise<void>) {
    const { page, troubles } = await openPage(stage.browser, {}, stage.url);
    await page.goto(`${stage.url}/nodes/1`);
    await page.getByTestId('login-user').fill(user);
    await page.getByTestId('login-password').fill(PASSWORD);
    await page.getByTestId('login-submit').click();
    await page.getByTestId('node-name').waitFor();
    await look(page);
    expect(troubles).toEqual([]);
    await page.context().close();
  }

  async function offered(page: Page): Promise<string[]> {
    await page.getByRole('button', { name: 'Actions' }).click();
    const items = await page.getByRole('menuitem').allInnerTexts();
    await page.keyboard.press('Escape');
    return items;
  }

  test('who sees is offered nothing', async () => {
    await as('viewer', async (page) => {
      await page.getByTestId('view-only').waitFor();
      await page.getByTestId('tab-packages').click();
      await page.getByTestId('packages').waitFor();
      expect(await page.getByTestId('part-installed').count()).toBe(0);
      expect(await page.getByTestId('refresh').isDisabled()).toBe(true);
      await looksGood(page, 'packages-of-a-viewer');
      await page.goto(`${stage.url}/packages`);
      await page.getByTestId('fleet-packages').waitFor();
      expect(await page.getByTestId('look-at-all').count()).toBe(0);
      expect(await page.getByTestId('packages-selection').count()).toBe(0);
      await page.goto(`${stage.url}/jobs`);
      await page.getByTestId('jobs').waitFor();
    });
  });

  test('who operates tries the connection, and looks for upgrades', async () => {
    await as('operator', async (page) => {
      expect(await offered(page)).toEqual(['Connection…', 'Reboot…']);
      await action(page, 'Connection…');
      await page.getByTestId('connection').waitFor();
      expect(await page.getByTestId('replace').count()).toBe(0);
      expect(await page.getByTestId('forget').count()).toBe(0);
      await page.getByTestId('try-connection').click();
      await page.locator('[data-testid=tried][data-ok=true]').waitFor();
      await looksGood(page, 'connection-of-an-operator');
      await page.getByRole('button', { name: 'Close', exact: true }).click();
      await page.getByTestId('tab-packages').click();
      await page.getByTestId('refresh').click();
      await page.getByTestId('run-submit').click();
      await jobEnds(page, 'succeeded');
      await page.goto(`${stage.url}/nodes/1/packages?part=installed`);
      await page.getByTestId('installed').waitFor();
    });
  });

  test('who deploys gives the Spider a new token', async () => {
    await as('deployer', async (page) => {
      await page.getByTestId('node-name').waitFor();
      expect(await offered(page)).toEqual(['Deploy it anew…', 'Rotate the token…']);
      await action(page, 'Rotate the token…');
      await page.getByTestId('run-submit').click();
      await jobEnds(page, 'succeeded');
      await page.goto(stage.url);
      await page.getByTestId('add-node').click();
      await page.getByTestId('ssh-host').waitFor();
      expect(await page.getByTestId('add-way-hand').count()).toBe(0);
      expect(await page.getByTestId('deploy-tags').inputValue()).toBe('web');
      await looksGood(page, 'add-dialog-of-a-deployer');
    });
  });

  test('an admin of the node does everything with it', async () => {
    await as('keeper', async (page) => {
      expect(await offered(page)).toEqual([
        'Deploy it anew…',
        'Rotate the token…',
        'Connection…',
        'Reboot…',
        'Rename…',
        'Edit tags…',
        'Remove…',
        'Forget it here only…',
      ]);
      await action(page, 'Connection…');
      await page.getByTestId('replace').waitFor();
      await page.getByTestId('forget').waitFor();
      await page.getByRole('button', { name: 'Close', exact: true }).click();
      await action(page, 'Rename…');
      await page.getByTestId('edit-name').fill('suit');
      await page.getByTestId('edit-submit').click();
      await expect.poll(() => page.getByTestId('node-name').innerText()).toBe('suit');
    });
  });

  stage.nothingWentWrong();
});
