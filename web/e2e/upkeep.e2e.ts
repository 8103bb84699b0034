import { beforeAll, describe, expect, test } from 'vitest';
import { looksGood } from './axe';
import { canBoot, privateKey } from './host';
import { action, jobEnds, lookAndConfirm, typeLogin } from './ssh';
import { Stage } from './stage';

/**
 * A repository on the host: `suit` in two versions, `helmet` that brings `visor` along, `air` that is
 * essential, and `valve`, whose newer version can't be set up.
 */
const REPOSITORY = `
set -e
mkdir -p /srv/repo && cd /srv/repo
add() {
  mkdir -p work/DEBIAN
  printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: Major Tom <tom@example.org>\\n' $1 $2 >work/DEBIAN/control
  [ -z "$3" ] || printf '%s\\n' "$3" >>work/DEBIAN/control
  printf 'Description: %s of a space suit\\n' $1 >>work/DEBIAN/control
  printf '#!/bin/sh\\n%s\\n' "\${4:-exit 0}" >work/DEBIAN/postinst && chmod 755 work/DEBIAN/postinst
  dpkg-deb -b work $1_$2.deb >/dev/null && rm -r work
  { dpkg-deb -f $1_$2.deb; printf 'Filename: ./%s_%s.deb\\nSize: %s\\nSHA256: %s\\n\\n' $1 $2 $(stat -c %s $1_$2.deb) $(sha256sum $1_$2.deb | cut -d' ' -f1); } >>Packages
}
add suit 1.0; add suit 2.0; add visor 1.0; add helmet 1.0 'Depends: visor'; add air 1.0 'Essential: yes'
add valve 1.0; add valve 2.0 '' 'echo stuck >&2; exit 1'
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list
dpkg -i suit_1.0.deb air_1.0.deb valve_1.0.deb >/dev/null
`;

describe.skipIf(!canBoot())('upkeep of a host', () => {
  const stage = Stage.set('upkeep', { prepare: (host) => host.shell(REPOSITORY) });

  beforeAll(async () => {
    const { page } = stage;
    await typeLogin(page, { host: stage.host.address, user: 'deploy', key: privateKey('ed25519') });
    await lookAndConfirm(page);
    await page.getByTestId('deploy-start').click();
    await page.getByTestId('deploy-open').click();
  });

  const version = (name: string) =>
    stage.host.shell(`dpkg-query -W -f '\${db:Status-Status} \${Version}' ${name} 2>&1 || true`);
  const upgradable = (name: string) => stage.page.locator(`[data-package=${name}]`);

  async function packages(part: 'upgrades' | 'installed' | 'find' = 'upgrades') {
    const { page } = stage;
    await page.goto(`${stage.url}/nodes/1/packages${part === 'upgrades' ? '' : `?part=${part}`}`);
    await page.getByTestId('packages').waitFor();
  }

  async function choose(name: string) {
    const { page } = stage;
    await packages('installed');
    await page.getByLabel('Filter what is installed').fill(name);
    await page.getByLabel('Filter what is installed').press('Enter');
    await page.getByLabel(`Choose ${name}`).check();
    await page.getByTestId('remove-selected').click();
  }

  test('what waits is counted on the fleet page, and filters it', async () => {
    const { page } = stage;
    await page.getByTestId('tab-packages').click();
    await page.getByTestId('refresh').click();
    await page.getByTestId('run-submit').click();
    await jobEnds(page, 'succeeded');
    await page.goto(stage.url);
    await expect.poll(() => page.getByTestId('filter-updates').getAttribute('data-count')).toBe('1');
    await page.getByTestId('filter-updates').click();
    await page.locator('[data-node-id][data-status]').waitFor();
    await looksGood(page, 'fleet-updates');
    await page.getByTestId('filter-reboot').click();
    await page.getByText('No node needs a reboot').waitFor();
  });

  test('a package is held back, and let go', async () => {
    const { page } = stage;
    await packages();
    await upgradable('suit').locator('input').check();
    await page.getByTestId('hold').click();
    await page.getByTestId('run-submit').click();
    await jobEnds(page, 'succeeded');
    expect(stage.host.shell('apt-mark showhold').trim()).toBe('suit');
    await packages();
    await upgradable('suit').getByText('Held').waitFor();
    await page.getByTestId('upgrade-all').click();
    await page.getByTestId('preview-run').waitFor();
    expect(await page.getByTestId('preview').innerText()).toMatch(/Kept back:\s+suit/);
    await looksGood(page, 'preview-kept-back');
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await upgradable('suit').getByRole('button', { name: 'Let it go' }).click();
    await page.getByTestId('run-submit').click();
    await jobEnds(page, 'succeeded');
    expect(stage.host.shell('apt-mark showhold').trim()).toBe('');
  });

  test('a package is found and installed with what it needs', async () => {
    const { page } = stage;
    await packages('find');
    await page.getByTestId('package-search').fill('helmet');
    await page.getByTestId('package-search').press('Enter');
    await page.getByTestId('found-packages').getByRole('button', { name: 'Install…' }).click();
    await page.getByTestId('preview-run').waitFor();
    expect(await page.getByTestId('preview').innerText()).toMatch(/Newly installed[\s\S]*helmet/);
    expect(await page.getByTestId('preview').innerText()).toContain('visor');
    await looksGood(page, 'preview-install');
    await page.getByTestId('preview-run').click();
    await jobEnds(page, 'succeeded');
    expect(version('visor')).toBe('installed 1.0');
  });

  test('one is removed, then what came along with it; what is essential stays', async () => {
    const { page } = stage;
    await choose('helmet');
    await page.getByTestId('preview-run').click();
    await jobEnds(page, 'succeeded');
    expect(version('visor')).toBe('installed 1.0');
    await packages('installed');
    await page.getByTestId('autoremove').click();
    await page.getByTestId('preview-run').waitFor();
    expect(await page.getByTestId('preview').innerText()).toMatch(/Removed[\s\S]*visor/);
    await looksGood(page, 'preview-autoremove');
    await page.getByTestId('preview-run').click();
    await jobEnds(page, 'succeeded');
    expect(version('visor')).not.toMatch(/^installed/);

    await choose('air');
    await page.locator('[data-testid=preview] [role=alert]').waitFor();
    expect(await page.getByTestId('preview').innerText()).toMatch(/essential/i);
    expect(await page.getByTestId('preview-run').count()).toBe(0);
    await looksGood(page, 'preview-essential');
    expect(version('air')).toBe('installed 1.0');
  });

  test('what could not be set up is named, and its repair is offered and done', async () => {
    const { page } = stage;
    await packages();
    await upgradable('valve').locator('input').check();
    await page.getByTestId('upgrade-selected').click();
    await page.getByTestId('preview-run').click();
    expect(await jobEnds(page, 'failed')).toMatch(/valve/);
    await looksGood(page, 'upgrade-failed');
    stage.host.shell("printf '#!/bin/sh\\n' >/var/lib/dpkg/info/valve.postinst");
    await packages();
    await page.getByTestId('repair-dpkg_configure').click();
    await page.getByTestId('run-submit').click();
    await jobEnds(page, 'succeeded');
    expect(version('valve')).toBe('installed 2.0');
    await packages();
    await upgradable('suit').waitFor();
    expect(await page.getByTestId('repair-dpkg_configure').count()).toBe(0);
  });

  test('it is rebooted, and the job ends when it is back', async () => {
    const { page } = stage;
    await page.goto(`${stage.url}/nodes/1`);
    await action(page, 'Reboot…');
    await page.getByTestId('confirm-name').fill(stage.host.read('etc/hostname').trim());
    await page.getByTestId('run-submit').click();
    await page.getByTestId('job').waitFor();
    await page.goto(`${stage.url}/nodes/1`);
    await page.getByTestId('node-job').click();
    const text = await jobEnds(page, 'succeeded', 90_000);
    await looksGood(page, 'rebooted');
    expect(text).toMatch(/reboot/i);
    await page.goto(`${stage.url}/nodes/1/events`);
    await page.locator('[data-event=job]').filter({ hasText: 'Reboot' }).waitFor();
    // Down and up again, as its Spider told.
    await page.locator('[data-event=offline]').first().waitFor();
    await page.locator('[data-event=online]').filter({ hasText: 'again after' }).first().waitFor();
    await looksGood(page, 'events-of-reboot');
  });

  stage.nothingWentWrong();
});
