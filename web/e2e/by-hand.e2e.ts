import { describe, expect, test } from 'vitest';
import { looksGood } from './axe';
import { canBoot } from './host';
import { action } from './ssh';
import { Stage } from './stage';

describe.skipIf(!canBoot())('a Spider that is installed by hand', () => {
  const stage = Stage.set('by-hand');
  const config = () => stage.host.read('etc/stardust/spider.conf');

  test('comes from Ground Control, with the lines as they are pasted', async () => {
    const { page } = stage;
    await page.getByTestId('first-hand').click();
    await page.getByTestId('add-node-name').fill('by-hand');
    await page.getByTestId('add-node-submit').click();
    // The address is one that the machine reaches too.
    await page.getByTestId('add-node-install').waitFor();
    expect(await page.getByTestId('local-address').count()).toBe(0);
    stage.host.shell(await page.getByTestId('add-node-install').innerText());
    await expect.poll(() => page.getByTestId('add-node-state').getAttribute('data-status')).toBe('online');
    await looksGood(page, 'installed-by-hand');
    await page.getByTestId('add-node-open').click();
    expect(stage.host.shell('systemctl is-enabled stardust-spider').trim()).toBe('enabled');
    // Nothing of the token is left where others could read it.
    expect(stage.host.shell('ls /tmp; stat -c "%a %U" /etc/stardust/spider.conf').trim()).toMatch(
      /600 stardust-spider$/,
    );
    expect(stage.host.shell('ls -d /tmp/tmp.* 2>/dev/null || :')).toBe('');
  });

  test('gets another token the same way, and the old one is over when the new one was seen', async () => {
    const { page } = stage;
    const before = config();
    await action(page, 'A new token, by hand…');
    await page.getByTestId('token-submit').click();
    const install = await page.getByTestId('add-node-install').innerText();
    await looksGood(page, 'new-token');
    await page.getByTestId('token-done').click();
    expect(config()).toBe(before);
    stage.host.shell(install);
    expect(config()).not.toBe(before);
    await page.goto(`${stage.url}/nodes/1/events`);
    await page.locator('[data-event=token_in_use]').waitFor();
    // The old file again: its token is refused now.
    const token = /token = (\S+)/.exec(before)![1]!;
    const answer = await fetch(`${stage.url}/api/spiders/install.sh`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    expect(answer.status).toBe(401);
  });

  test('is connected at the address that it came from', async () => {
    const { page } = stage;
    await page.goto(`${stage.url}/nodes/1/packages`);
    await page.getByTestId('packages-connect').click();
    await expect.poll(() => page.getByTestId('ssh-host').inputValue()).toBe(stage.host.address);
    await page.keyboard.press('Escape');
  });

  stage.nothingWentWrong();
});
