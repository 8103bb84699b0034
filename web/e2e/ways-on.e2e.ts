import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { looksGood } from './axe';
import { canBoot, MACHINE, privateKey } from './host';
import { action, jobEnds, lookAndConfirm, retype, typeLogin } from './ssh';
import { Stage } from './stage';

/** Two packages that can be upgraded, one of them for security, and one that is held. */
const REPOSITORY = `
set -e
mkdir -p /srv/repo && cd /srv/repo
add() {
  for version in 1.0 2.0; do
    mkdir -p work/DEBIAN
    printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: Major Tom <tom@example.org>\\nDescription: a part\\n' $1 $version >work/DEBIAN/control
    dpkg-deb -b work $1_$version.deb >/dev/null && rm -r work
  done
  dpkg -i $1_1.0.deb >/dev/null
  mkdir -p $2 && mv $1_2.0.deb $2/
  cd $2
  { dpkg-deb -f $1_2.0.deb; printf 'Filename: ./%s_2.0.deb\\nSize: %s\\nSHA256: %s\\n\\n' $1 $(stat -c %s $1_2.0.deb) $(sha256sum $1_2.0.deb | cut -d' ' -f1); } >>Packages
  cd ..
}
add hull fixes; add paint plain; add radio plain
release() { printf 'Origin: Debian\\nLabel: %s\\nSuite: %s\\nDate: Mon, 01 Jan 2024 00:00:00 UTC\\nSHA256:\\n %s %s Packages\\n' $2 $3 $(sha256sum $1/Packages | cut -d' ' -f1) $(stat -c %s $1/Packages) >$1/Release; }
release fixes Debian-Security stable-security; release plain Debian stable
apt-mark hold radio >/dev/null
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
printf 'deb [trusted=yes] file:/srv/repo/%s ./\\n' fixes plain >/etc/apt/sources.list
`;

describe.skipIf(!canBoot())('ways on', () => {
  const stage = Stage.set('ways-on', { prepare: (host) => host.shell(REPOSITORY) });

  test('a port of another service is named at once', async () => {
    const { page } = stage;
    const began = Date.now();
    await typeLogin(page, { host: MACHINE, key: privateKey('ed25519') });
    await page.getByTestId('ssh-port').fill(new URL(stage.url).port);
    await page.getByTestId('ssh-check').click();
    await page.getByTestId('check').getByText('is no SSH server: it says "HTTP/1.1').waitFor();
    // It took 13 s, and the server’s limit of logins was blamed.
    expect(Date.now() - began).toBeLessThan(6_000);
    await looksGood(page, 'check-no-ssh');
  });

  test('an init system that is not spoken leads to the way by hand', async () => {
    const { page } = stage;
    await page.locator('[data-fold="1"] button').click();
    await page.getByTestId('ssh-port').fill('22');
    await retype(page, { host: stage.host.address, key: privateKey('ed25519') });
    stage.host.shell('mv /run/systemd/system /run/systemd/out-of-sight');
    try {
      await lookAndConfirm(page);
      await page.getByTestId('check-hopeless').waitFor();
      expect(await page.getByTestId('deploy-start').count()).toBe(0);
      await looksGood(page, 'check-hopeless');
      await page.getByTestId('to-by-hand').click();
      await page.getByTestId('add-node-name').waitFor();
    } finally {
      stage.host.shell('mv /run/systemd/out-of-sight /run/systemd/system');
    }
    await page.keyboard.press('Escape');
  });

  test('a first deployment that failed is told by the card, and leads to its job', async () => {
    const { page } = stage;
    await page.goto(stage.url);
    await typeLogin(page, { host: stage.host.address, key: privateKey('ed25519') });
    await lookAndConfirm(page);
    await page.getByTestId('deploy-start').waitFor();
    stage.host.shell('mv /usr/local/bin /usr/local/away && touch /usr/local/bin');
    await page.getByTestId('deploy-start').click();
    await expect.poll(() => page.getByTestId('deploy').getAttribute('data-state')).toBe('failed');
    await looksGood(page, 'deploy-failed');
    await page.getByTestId('deploy').getByRole('button', { name: 'Close', exact: true }).click();
    const card = page.locator('[data-node-id="1"]');
    await card.getByTestId('pending-failed').waitFor();
    expect(await card.innerText()).toMatch(/The deployment failed[\s\S]*bin/);
    expect(await card.innerText()).not.toContain('the command you were given');
    // Nothing of ours is there that could be given a token or taken away.
    await page.goto(`${stage.url}/nodes/1`);
    await page.getByTestId('node-failure').waitFor();
    await page.getByRole('button', { name: 'Actions' }).click();
    const items = await page.getByRole('menuitem').allInnerTexts();
    expect(items.join()).toMatch(/Deploy it anew/);
    expect(items.join()).not.toMatch(/Rotate the token|Remove…/);
    await page.keyboard.press('Escape');
    await page.goto(stage.url);
  });

  stage.looks('nodes whose deployment failed', async (page, name) => {
    await page.getByTestId('pending-failed').waitFor();
    await looksGood(page, `pending-failed-${name}`);
  });

  test('from there it is tried again', async () => {
    const { page } = stage;
    stage.host.shell('rm /usr/local/bin && mv /usr/local/away /usr/local/bin');
    await page.getByTestId('pending-failed').click();
    await jobEnds(page, 'failed');
    await page.getByTestId('job-retry').click();
    await expect.poll(() => page.url()).not.toMatch(/jobs\/1$/);
    await jobEnds(page, 'succeeded');
    // What kind of key was confirmed is still known.
    await page.goto(`${stage.url}/nodes/1`);
    await action(page, 'Connection…');
    await page.getByTestId('connection').waitFor();
    expect(await page.getByTestId('fingerprint').innerText()).toMatch(/^(?:ssh-ed25519|ED25519|ecdsa)/i);
    await page.keyboard.press('Escape');
  });

  test('a list says which hosts are there twice, and which are nodes', async () => {
    const { page } = stage;
    await page.goto(stage.url);
    await page.getByTestId('add-node').first().click();
    await page.getByTestId('add-way-list').click();
    const lines = ['name,host', `again,${stage.host.address}`, 'pi,192.0.2.7', 'other,192.0.2.7'];
    await page.getByTestId('import-text').fill(lines.join('\n'));
    await page.getByTestId('import-read').click();
    // Before anybody is asked for credentials.
    const leftOut = page.getByTestId('import-left-out');
    await leftOut.waitFor();
    expect(await leftOut.locator('[data-line="2"]').innerText()).toMatch(/already/);
    expect(await leftOut.locator('[data-line="4"]').innerText()).toMatch(/line 3/);
    expect(await leftOut.locator('[data-line="3"]').count()).toBe(0);
    expect(await page.getByTestId('import-look').innerText()).toBe('Look at 1 host');
    await looksGood(page, 'import-doubles');
  });

  test('a look at all nodes says what waits, and how much of it is for security', async () => {
    const { page } = stage;
    await page.goto(`${stage.url}/packages`);
    await page.getByTestId('look-at-all').click();
    await jobEnds(page, 'succeeded', 90_000);
    await looksGood(page, 'looked-at-all');
    await page.locator('[data-job-id]').first().click();
    await page.getByTestId('packages-result').waitFor();
    expect(await page.getByTestId('packages-result').innerText()).toMatch(/2 upgrades, 1 for security/);
    await looksGood(page, 'looked-at-one');
    await page.getByTestId('to-packages').click();
    await page.locator('[data-package=hull]').waitFor();
  });

  test('across the fleet what is held is marked, and waves have sizes', async () => {
    const { page } = stage;
    await page.goto(`${stage.url}/packages?by=package`);
    const radio = page.locator('[data-package=radio]');
    expect(await radio.innerText()).toMatch(/Held/);
    expect(await radio.locator('input').isDisabled()).toBe(true);
    await looksGood(page, 'fleet-by-package');
    await page.getByTestId('by-node').click();
    await page.locator('[data-node="1"] input').check();
    await page.getByTestId('run-security').click();
    await page.locator('[data-testid=waves-preview][data-done=true]').waitFor();
    expect(await page.getByTestId('waves-sum').innerText()).toMatch(/1 upgrade.*security/);
    await page.getByTestId('waves-own').click();
    await page.getByTestId('waves-sizes').fill('1, nonsense');
    await page.getByText('A size is a number of nodes').waitFor();
    await page.getByTestId('waves-sizes').fill('1, rest');
    await page.locator('[data-testid=waves-preview][data-done=true]').waitFor();
    await looksGood(page, 'waves-security');
    await page.getByTestId('run-submit').click();
    // The wave is watched for longer, and goes by the load of the machine around it.
    await page.locator('[data-job-id][data-state=succeeded]').first().waitFor();
    await looksGood(page, 'waves-under-way');
    expect(stage.host.shell('dpkg-query -W hull paint radio')).toMatch(/hull\t2.0\npaint\t1.0\nradio\t1.0/);
  });

  test('the preview of one node counts what is for security', async () => {
    const { page } = stage;
    stage.host.shell('dpkg -i /srv/repo/hull_1.0.deb');
    await page.goto(`${stage.url}/nodes/1/packages`);
    await page.getByTestId('refresh').click();
    await page.getByTestId('run-submit').click();
    await jobEnds(page, 'succeeded', 90_000);
    await page.getByTestId('to-packages').click();
    await page.getByTestId('upgrade-all').click();
    await page.getByTestId('preview-security').waitFor();
    expect(await page.getByTestId('preview').innerText()).toMatch(/Upgraded\s+2, 1 for security/);
    await looksGood(page, 'preview-security');
    await page.keyboard.press('Escape');
  });

  test('an output can be had as it is read, and with its colours', async () => {
    const { page } = stage;
    await page.goto(`${stage.url}/jobs`);
    await page.locator('[data-job-id]').first().click();
    await expect
      .poll(async () => Number(await page.getByTestId('output').getAttribute('data-lines')))
      .toBeGreaterThan(0);
    const save = async (item: string) => {
      await page.getByRole('button', { name: 'Download the output' }).click();
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('menuitem', { name: item }).click(),
      ]);
      return readFileSync(await download.path(), 'utf8');
    };
    expect(await save('Plain text')).not.toContain('\u001b');
    expect((await save('With its colours')).length).toBeGreaterThan(0);
  });

  test('what is cancelled while it reaches its host ends at once, as cancelled', async () => {
    const { page } = stage;
    stage.host.shell('ip link set host0 down');
    try {
      await page.goto(`${stage.url}/nodes/1/packages`);
      await page.getByTestId('refresh').click();
      await page.getByTestId('run-submit').click();
      await page.locator('[data-step=reach][data-state=running]').waitFor();
      const began = Date.now();
      await page.getByTestId('job-cancel').click();
      await jobEnds(page, 'cancelled');
      // It took 9 s, and was called failed.
      expect(Date.now() - began).toBeLessThan(5_000);
    } finally {
      stage.host.shell('ip link set host0 up');
    }
    await looksGood(page, 'job-cancelled');
  });

  stage.looks('packages and jobs of these', async (page, name) => {
    await page.goto(`${stage.url}/packages?by=package`);
    await page.locator('[data-package=radio]').waitFor();
    await looksGood(page, `by-package-${name}`);
    await page.goto(`${stage.url}/jobs/1`);
    await page.getByTestId('job-error').waitFor();
    await looksGood(page, `deploy-job-failed-${name}`);
    await page.goto(`${stage.url}/nodes/1/packages`);
    await page.getByTestId('upgrade-all').click();
    await page.getByTestId('preview-security').waitFor();
    await looksGood(page, `preview-security-${name}`);
  });

  stage.nothingWentWrong();
});
