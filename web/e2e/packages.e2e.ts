import type { Locator } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { looksGood } from './axe';
import { eventually } from './browser';
import { canBoot, privateKey } from './host';
import { jobEnds, lookAndConfirm, typeLogin } from './ssh';
import { Stage } from './stage';

/** Lines that the package prints while it is set up: colours, markup, and enough of them to scroll. */
const LINES = 400;

/** A repository on the host with one package in two versions, of which the older is installed. */
const REPOSITORY = `
set -e
mkdir -p /srv/repo && cd /srv/repo && rm -f Packages
for version in 1.0 2.0; do
  mkdir -p tin-can/DEBIAN
  printf 'Package: tin-can\\nVersion: %s\\nArchitecture: all\\nMaintainer: Major Tom <tom@example.org>\\nDescription: far above the world\\n' $version >tin-can/DEBIAN/control
  cat >tin-can/DEBIAN/postinst <<'END'
#!/bin/sh
printf '\\033[31mred\\033[0m <img src=x onerror="document.title=1"> <script>document.title=2</script>\\n'
i=0; while [ $i -lt ${LINES} ]; do echo "floating $i"; i=$((i+1)); [ $((i % 40)) != 0 ] || sleep 0.3; done
END
  # Stops between unpacking and setting up until it was looked at.
  cat >tin-can/DEBIAN/postrm <<'END'
#!/bin/sh
i=0; while [ ! -e /srv/go ] && [ $i -lt 600 ]; do i=$((i+1)); sleep 0.1; done
END
  chmod 755 tin-can/DEBIAN/postinst tin-can/DEBIAN/postrm
  dpkg-deb -b tin-can tin-can_$version.deb >/dev/null
  { dpkg-deb -f tin-can_$version.deb; printf 'Filename: ./tin-can_%s.deb\\nSize: %s\\nSHA256: %s\\n\\n' $version $(stat -c %s tin-can_$version.deb) $(sha256sum tin-can_$version.deb | cut -d' ' -f1); } >>Packages
done
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list
dpkg -i tin-can_1.0.deb >/dev/null
`;

describe.skipIf(!canBoot())('packages of a host', () => {
  const stage = Stage.set('packages', { prepare: (host) => host.shell(REPOSITORY) });

  beforeAll(async () => {
    const { page } = stage;
    await typeLogin(page, { host: stage.host.address, key: privateKey('ed25519') });
    await lookAndConfirm(page);
    await page.getByTestId('deploy-start').click();
    await page.getByTestId('deploy-open').click();
  });

  test('the index is refreshed, and what waits is shown', async () => {
    const { page } = stage;
    await page.getByTestId('tab-packages').click();
    await page.getByTestId('refresh').click();
    await page.getByTestId('run-submit').click();
    await jobEnds(page, 'succeeded', 90_000);
    await page.goto(`${stage.url}/nodes/1/packages`);
    await page.locator('[data-package=tin-can]').waitFor();
    expect(await page.locator('[data-package=tin-can]').innerText()).toMatch(/1\.0\s+2\.0/);
    await looksGood(page, 'packages');
  });

  test('nothing is upgraded before it was shown what would be', async () => {
    const { page } = stage;
    await page.locator('[data-package=tin-can] input').check();
    await page.getByTestId('upgrade-selected').click();
    await page.getByTestId('preview-run').waitFor();
    expect(await page.getByTestId('preview').innerText()).toContain('tin-can');
    expect(stage.host.shell('dpkg-query -W tin-can')).toContain('1.0');
    await looksGood(page, 'packages-preview');
    await page.getByTestId('preview-run').click();
  });

  test('a bar shows how far it is', async () => {
    const bar = stage.page.getByRole('progressbar', { name: 'Progress of the job' });
    const width = async (of: Locator) => (await of.boundingBox())!.width;
    const filled = async () => (await width(bar.locator('div'))) / (await width(bar));
    const done = () => bar.getAttribute('aria-valuenow', { timeout: 30_000 });
    // Unpacking and setting up are a step each.
    await expect.poll(done, { timeout: 30_000 }).toBe('1');
    expect(await bar.getAttribute('aria-valuemax')).toBe('2');
    await expect.poll(filled).toBeCloseTo(0.5, 1);
    stage.host.shell('touch /srv/go');
    // It is full when the job has ended, and not while the package's script still works.
    const output = stage.page.getByTestId('output');
    await eventually('the script works', async () => /floating \d+/.test(await output.innerText()));
    expect(await done()).toBe('1');
  });

  test('its output is followed live, as text and in colour, and lets go of the end by hand', async () => {
    const { page } = stage;
    const output = page.getByTestId('output');
    await eventually('it floats', async () => /floating \d+/.test(await output.innerText()));
    // The very end is in view while it grows.
    expect(await output.getAttribute('data-following')).toBe('true');
    await output.hover();
    await page.mouse.wheel(0, -2_000);
    await expect.poll(() => output.getAttribute('data-following')).toBe('false');
    await page.getByTestId('output-end').click();
    await expect.poll(() => output.getAttribute('data-following')).toBe('true');
    await jobEnds(page, 'succeeded', 90_000);
    await eventually('the last line of the package is there', async () => {
      return Number(await output.getAttribute('data-lines')) > LINES;
    });

    await page.getByTestId('output-search').fill('<img src=x');
    await expect.poll(() => page.getByTestId('output-found').innerText()).toMatch(/^1 of 1/);
    await page.locator('mark').first().waitFor();
    expect(await page.locator('.ansi-1').first().innerText()).toBe('red');
    expect(await page.locator('[data-testid=output] img, [data-testid=output] script').count()).toBe(0);
    expect(await page.title()).toContain('tin-can');
    await looksGood(page, 'packages-job');
    expect(stage.host.shell('dpkg-query -W tin-can')).toContain('2.0');
  });

  test('the whole output can be copied, as it is read', async () => {
    const { page } = stage;
    await page.getByRole('region', { name: 'Output' }).getByRole('button', { name: 'Copy' }).click();
    await page.getByText('Copied', { exact: true }).waitFor();
    // What the clipboard holds is what it pastes.
    await page.evaluate(() => {
      const area = document.createElement('textarea');
      area.id = 'pasted';
      document.body.append(area);
      area.focus();
    });
    await page.keyboard.press('Control+V');
    const pasted = await page.locator('#pasted').inputValue();
    await page.evaluate(() => document.getElementById('pasted')!.remove());
    const lines = pasted.split('\n');
    expect(lines.length).toBe(Number(await page.getByTestId('output').getAttribute('data-lines')));
    expect(lines).toContain('red <img src=x onerror="document.title=1"> <script>document.title=2</script>');
    expect(lines.filter((line) => /^floating \d+$/.test(line))).toEqual(
      Array.from({ length: LINES }, (_, i) => `floating ${i}`),
    );
    expect(pasted).not.toContain('\x1b');
  });

  test('afterwards nothing waits any more', async () => {
    const { page } = stage;
    await page.goto(`${stage.url}/nodes/1/packages`);
    await page.getByText('Everything is up to date').waitFor();
    await page.getByTestId('part-installed').click();
    await page.getByTestId('installed').waitFor();
    await page.getByTestId('part-find').click();
    await page.getByTestId('package-search').fill('tin-can');
    await page.getByTestId('package-search').press('Enter');
    await page.getByTestId('found-packages').waitFor();
  });

  test('across the fleet, in waves', async () => {
    const { page } = stage;
    stage.host.shell('dpkg -i /srv/repo/tin-can_1.0.deb');
    await page.getByTestId('part-upgrades').click();
    await page.getByTestId('refresh').click();
    await page.getByTestId('run-submit').click();
    await jobEnds(page, 'succeeded', 90_000);
    await page.goto(`${stage.url}/packages?by=package`);
    await page.locator('[data-package=tin-can] input').check();
    await page.getByTestId('run-waves').click();
    // What it would do on each node is shown before it can begin.
    await page.locator('[data-testid=waves-preview][data-done=true]').waitFor();
    expect(await page.getByTestId('waves-sum').innerText()).toBe('1 upgrade');
    await looksGood(page, 'packages-waves');
    await page.getByTestId('run-submit').click();
    await page.locator('[data-job-id][data-state=succeeded]').first().waitFor();
    await looksGood(page, 'packages-group');
    // How it ends goes by the load of the machine around the host too: it says so then.
    const job = page.getByTestId('job');
    await expect.poll(() => job.getAttribute('data-state'), { timeout: 90_000 }).not.toBe('running');
    if ((await job.getAttribute('data-state')) !== 'succeeded') {
      expect(await page.getByTestId('job-error').innerText()).toMatch(/CPU|[Ll]oad|[Mm]emory/);
    }
    expect(stage.host.shell('dpkg-query -W tin-can')).toContain('2.0');
  });

  stage.looks('packages', async (page, name) => {
    stage.host.shell('dpkg -i /srv/repo/tin-can_1.0.deb');
    await page.goto(`${stage.url}/packages`);
    await page.locator('[data-node="1"]').waitFor();
    await looksGood(page, `fleet-packages-${name}`);
    await page.goto(`${stage.url}/nodes/1/packages`);
    await page.getByTestId('packages').waitFor();
    await looksGood(page, `node-packages-${name}`);
    await page.getByTestId('part-installed').click();
    await page.getByTestId('installed').waitFor();
    await looksGood(page, `installed-${name}`);
    await page.getByLabel('Filter what is installed').fill('tin-can');
    await page.getByLabel('Filter what is installed').press('Enter');
    await page.getByRole('button', { name: 'tin-can', exact: true }).click();
    await page.getByText('far above the world').waitFor();
    await looksGood(page, `package-details-${name}`);
    await page.keyboard.press('Escape');
    await page.getByLabel('Choose tin-can').check();
    await page.getByTestId('remove-selected').click();
    await page.getByTestId('preview-run').waitFor();
    await looksGood(page, `preview-remove-${name}`);
    await page.keyboard.press('Escape');
    await page.getByTestId('part-find').click();
    await page.getByTestId('package-search').fill('tin-can');
    await page.getByTestId('package-search').press('Enter');
    await page.getByTestId('found-packages').waitFor();
    await looksGood(page, `packages-found-${name}`);
  });

  stage.nothingWentWrong();
});
