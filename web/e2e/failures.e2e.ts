import { describe, expect, test } from 'vitest';
import { DESKTOP, looksGood, PHONE } from './axe';
import { canBoot, privateKey } from './host';
import { jobEnds, lookAndConfirm, typeLogin } from './ssh';
import { Stage } from './stage';

/** A package whose new version can't be set up, and says why in the middle of much else. */
const REPOSITORY = `
set -e
mkdir -p /srv/repo && cd /srv/repo && rm -f Packages
for version in 1.0 2.0; do
  rm -rf tin-can && mkdir -p tin-can/DEBIAN
  printf 'Package: tin-can\\nVersion: %s\\nArchitecture: all\\nMaintainer: Major Tom <tom@example.org>\\nDescription: far above the world\\n' $version >tin-can/DEBIAN/control
  if [ $version = 2.0 ]; then
    cat >tin-can/DEBIAN/postinst <<'END'
#!/bin/sh
while [ ! -e /srv/go ]; do sleep 0.1; done
i=0; while [ $i -lt 150 ]; do echo "floating $i"; i=$((i+1)); done
setpriv --reuid=65534 touch /root/spacesuit
failed=$?
i=0; while [ $i -lt 150 ]; do echo "drifting $i"; i=$((i+1)); done
exit $failed
END
    chmod 755 tin-can/DEBIAN/postinst
  fi
  dpkg-deb -b tin-can tin-can_$version.deb >/dev/null
  { dpkg-deb -f tin-can_$version.deb; printf 'Filename: ./tin-can_%s.deb\\nSize: %s\\nSHA256: %s\\n\\n' $version $(stat -c %s tin-can_$version.deb) $(sha256sum tin-can_$version.deb | cut -d' ' -f1); } >>Packages
done
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/repo ./' >/etc/apt/sources.list
apt-get -qq update && dpkg -i tin-can_1.0.deb >/dev/null
`;

describe.skipIf(!canBoot())('what follows a failure', () => {
  const stage = Stage.set('failures', { prepare: (host) => host.shell(REPOSITORY) });
  let job = '';

  test('a host that is deployed and looked at leads on to its packages', async () => {
    const { page } = stage;
    await typeLogin(page, { host: stage.host.address, key: privateKey('ed25519') });
    await lookAndConfirm(page);
    await page.getByTestId('deploy-start').click();
    await page.getByTestId('deploy-open').click();
    await page.getByTestId('tab-packages').click();
    await page.getByTestId('refresh').click();
    await page.getByTestId('run-submit').click();
    await jobEnds(page, 'succeeded', 90_000);
    await page.getByTestId('to-packages').click();
  });

  test('a second job waits for the first, which says why it can’t be cancelled', async () => {
    const { page } = stage;
    await page.getByTestId('upgrade-all').click();
    await page.getByTestId('preview-run').click();
    await page.getByTestId('no-cancel').waitFor();
    expect(await page.getByTestId('no-cancel').innerText()).toContain('half-way');
    expect(await page.getByTestId('job-cancel').isDisabled()).toBe(true);
    job = new URL(page.url()).pathname;
    await looksGood(page, 'job-running');
    await page.goto(`${stage.url}/nodes/1/packages`);
    await page.getByTestId('refresh').click();
    await page.getByTestId('run-submit').click();
    await page.getByTestId('waits-for').waitFor();
    expect(await page.getByTestId('waits-for').innerText()).toContain(`job ${job.split('/').at(-1)}`);
    await looksGood(page, 'job-waits');
    await page.getByTestId('job-cancel').click();
    await jobEnds(page, 'cancelled');
  });

  test('it fails, and one is told on another page', async () => {
    const { page } = stage;
    await page.goto(`${stage.url}/events`);
    stage.host.shell('touch /srv/go');
    const toast = page.getByTestId('toast');
    await toast.waitFor();
    expect(await toast.innerText()).toContain('Upgrade the packages of');
    await expect.poll(() => page.title()).toContain('1 failed');
    await looksGood(page, 'job-failed-toast');
    await toast.getByRole('link').click();
    await jobEnds(page, 'failed');
    await expect.poll(() => toast.count()).toBe(0);
    expect(await page.title()).not.toContain('failed');
  });

  test('the step is red, the reason stands once, and the output opens at it', async () => {
    const { page } = stage;
    expect(await page.locator('[data-step=run]').getAttribute('data-state')).toBe('failed');
    await page.locator('[data-wrong]').waitFor();
    expect(await page.locator('[data-wrong]').innerText()).toContain('Permission denied');
    await expect.poll(() => page.getByTestId('job-reason').innerText()).toContain('Permission denied');
    const message = await page.getByTestId('job-error').locator('p').first().innerText();
    const text = await page.getByTestId('job').innerText();
    expect(text.split(message).length - 1).toBe(1);
    // On a phone what went well is one line before the output, and opens.
    await page.setViewportSize(PHONE.viewport);
    const done = page.locator('[data-step][data-state=done]').first();
    await page.getByTestId('fold-steps').waitFor();
    expect(await done.isVisible()).toBe(false);
    expect(await page.locator('[data-step=run]').isVisible()).toBe(true);
    await page.getByTestId('fold-steps').click();
    expect(await done.isVisible()).toBe(true);
    await page.setViewportSize(DESKTOP.viewport);
    await page.getByTestId('to-packages').click();
    await page
      .getByTestId(/^repair-/)
      .first()
      .waitFor();
  });

  test('credentials that were forgotten are asked for', async () => {
    const { page } = stage;
    await page.evaluate(async () => {
      const { csrf } = await (await fetch('/api/auth/session')).json();
      await fetch('/api/nodes/1/credentials', { method: 'DELETE', headers: { 'X-CSRF-Token': csrf } });
    });
    await page.goto(`${stage.url}${job}`);
    await page.getByTestId('job-retry').click();
    await page.getByTestId('secrets').waitFor();
    // The browser notes the answer that asks.
    const { troubles } = stage.watched;
    troubles.splice(0, troubles.length, ...troubles.filter((one) => !/status of 409/.test(one)));
    await looksGood(page, 'job-retry-asks');
    await page.getByTestId('secret-key').fill(privateKey('ed25519'));
    await page.getByTestId('run-submit').click();
    await expect.poll(() => new URL(page.url()).pathname).not.toBe(job);
    // What is left is to repair what was cut short, and it says so.
    await jobEnds(page, 'failed', 90_000);
  });

  test('packages are looked at with credentials for this once', async () => {
    const { page } = stage;
    const asked = page.getByTestId('ask-login');
    await page.goto(`${stage.url}/nodes/1/packages?part=installed`);
    await asked.waitFor();
    // Wrong ones are mended where they stand.
    await page.getByTestId('secret-key').fill(privateKey('stranger'));
    await page.getByTestId('ask-submit').click();
    await asked.getByRole('alert').waitFor();
    await looksGood(page, 'packages-ask-refused');
    await asked.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByTestId('secret-key').fill(privateKey('ed25519'));
    await page.getByTestId('ask-submit').click();
    await page.getByTestId('installed').waitFor();
    expect(await asked.count()).toBe(0);
    // Once is enough for all that is asked on this page.
    await page.getByLabel('Filter what is installed').fill('openssh-server');
    await page.getByLabel('Filter what is installed').press('Enter');
    await page.getByTestId('installed').getByRole('button', { name: 'openssh-server' }).click();
    await page.getByRole('dialog').getByText('secure shell').first().waitFor();
    await page.keyboard.press('Escape');
    await page.getByTestId('part-find').click();
    await page.getByTestId('package-search').fill('tin-can');
    await page.getByTestId('package-search').press('Enter');
    await page.getByTestId('found-packages').waitFor();
    await page.getByTestId('part-upgrades').click();
    await page.getByTestId('refresh').click();
    await page.getByTestId('run-submit').click();
    await jobEnds(page, 'succeeded', 90_000);
    // And nothing of it is kept: neither there nor here.
    await page.goto(`${stage.url}/nodes/1/packages?part=installed`);
    await asked.waitFor();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('button', { name: 'Try again' }).click();
    await asked.waitFor();
    const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    expect(stored).not.toContain('PRIVATE KEY');
    const { troubles } = stage.watched;
    troubles.splice(0, troubles.length, ...troubles.filter((one) => !/status of 4(00|22)/.test(one)));
  });

  stage.looks('failed jobs', async (page, name) => {
    await page.goto(`${stage.url}${job}`);
    await page.locator('[data-wrong]').waitFor();
    await looksGood(page, `job-failed-${name}`);
    await page.goto(`${stage.url}/jobs`);
    await page.locator('[data-job-id]').first().waitFor();
    await looksGood(page, `jobs-${name}`);
    await page.goto(stage.url);
    await page.locator('[data-node-id]').first().waitFor();
    await looksGood(page, `fleet-failed-${name}`);
    await page.goto(`${stage.url}/nodes/1/packages?part=installed`);
    await page.getByTestId('ask-login').waitFor();
    await looksGood(page, `packages-ask-${name}`);
  });

  stage.nothingWentWrong();
});
