import { describe, expect, test } from 'vitest';
import { looksGood } from './axe';
import { eventually } from './browser';
import { canBoot, privateKey } from './host';
import { action, jobEnds } from './ssh';
import { Stage } from './stage';

/** Makes of the Spider on a host an older one: the same program with another version in it. */
const OLDER = `
set -e
cd /usr/local/bin
sed 's/0\\.1\\.0/0.0.9/g' stardust-spider >older
cat older >stardust-spider.part && chmod 755 stardust-spider.part && mv stardust-spider.part stardust-spider && rm older
systemctl restart stardust-spider
`;

describe.skipIf(!canBoot())('Spiders of three hosts', () => {
  const stage = Stage.set('spiders', { hosts: 3 });

  const online = () => stage.page.locator('[data-node-id][data-status=online]');
  const outdated = async () =>
    Number((await stage.page.getByTestId('filter-outdated').getAttribute('data-count')) ?? 0);

  test('a list of hosts is deployed at once, with one view of how far each is', async () => {
    const { page } = stage;
    await page.getByTestId('add-node').first().click();
    await page.getByTestId('add-way-list').click();
    const lines = stage.hosts.map((host, number) => `ziggy${number},${host.address},stage`);
    await page.getByTestId('import-text').fill(['name,host,tags', ...lines].join('\n'));
    await page.getByTestId('import-read').click();
    await page.getByTestId('import-key').fill(privateKey('ed25519'));
    await page.getByTestId('import-look').click();
    const asked = page.locator('[data-line][data-state=asks]');
    await expect.poll(() => asked.count()).toBe(3);
    for (let row = 0; row < 3; row += 1) await asked.nth(row).locator('input').check();
    await page.getByTestId('import-confirm').click();
    await page.getByTestId('import-deploy').click();
    await expect.poll(() => page.locator('[data-line][data-state=succeeded]').count()).toBe(3);
    await looksGood(page, 'import-of-three');
    await page.getByRole('button', { name: 'Close', exact: true }).first().click();
    await expect.poll(() => online().count()).toBe(3);
  });

  test('one of an older version is upgraded by itself', async () => {
    const { page } = stage;
    for (const host of stage.hosts) host.shell(OLDER);
    await eventually('all are seen to be older', async () => (await outdated()) === 3);
    await page.goto(`${stage.url}/nodes/1`);
    await action(page, /^Upgrade the Spider to/);
    await page.getByTestId('run-submit').click();
    expect(await jobEnds(page, 'succeeded')).toMatch(/0\.1\.0/);
    await looksGood(page, 'spider-upgraded');
  });

  test('the others in waves', async () => {
    const { page } = stage;
    await page.goto(stage.url);
    await page.getByTestId('filter-outdated').click();
    await expect.poll(() => page.locator('[data-node-id][data-status]').count()).toBe(2);
    await page.getByTestId('select').click();
    await page.getByTestId('select-all').click();
    await page.getByTestId('upgrade-chosen').click();
    await looksGood(page, 'spider-waves-ask');
    await page.getByTestId('run-submit').click();
    expect(await jobEnds(page, 'succeeded')).toMatch(/Wave 2/);
    expect(await page.locator('[data-job-id][data-state=succeeded]').count()).toBe(2);
    await looksGood(page, 'spider-waves');
    await page.goto(stage.url);
    await expect.poll(() => page.getByTestId('filter-outdated').count()).toBe(0);
  });

  test('who came, went and changed is told by the events of each', async () => {
    const { page } = stage;
    await page.goto(`${stage.url}/nodes/2/events`);
    const version = page.locator('[data-event=spider]');
    await expect.poll(() => version.count()).toBe(2);
    expect(await version.first().innerText()).toMatch(/0\.1\.0 now, it was 0\.0\.9/);
    await looksGood(page, 'node-events');
    // Its Spider was stopped and started for the test above.
    await page.goto(`${stage.url}/events?node=1`);
    await page.locator('[data-event=offline]').first().waitFor();
    await page.locator('[data-event=online]').filter({ hasText: 'again after' }).first().waitFor();
    await page.getByTestId('events-node').click();
    await page.locator('[data-event=added]').nth(2).waitFor();
    await looksGood(page, 'events');
  });

  stage.nothingWentWrong();
});
