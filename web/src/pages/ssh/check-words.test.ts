import { expect, it } from 'vitest';
import type { CheckReport } from '../../api/ssh';
import { changedKey, keyFile, keyToConfirm, stepsOf, stepTitle } from './check-words';

const report = (part: Partial<CheckReport>): CheckReport => ({
  ok: false,
  steps: [],
  host_key: null,
  jump_host_key: null,
  privilege: null,
  facts: null,
  ...part,
});
const step = (name: string, ok: boolean) => ({ name, ok, detail: 'd', hint: 'h', cause: null, ms: 1 });
const key = (state: 'new' | 'known' | 'changed') => ({
  type: 'ssh-ed25519',
  sha256: `SHA256:${state}`,
  state,
});

it('a new host key is a question, any other failure is one', () => {
  const asked = report({ steps: [step('reach', true), step('host_key', false)], host_key: key('new') });
  expect(keyToConfirm(asked)).toMatchObject({ who: 'node', sha256: 'SHA256:new' });
  expect(stepsOf(asked).map((one) => [one.state, one.detail])).toEqual([
    ['done', 'd'],
    ['waiting', ''],
  ]);
  const refused = report({ steps: [step('login', false)], host_key: key('known') });
  expect(keyToConfirm(refused)).toBeNull();
  expect(stepsOf(refused)[0]).toMatchObject({ state: 'failed', hint: 'h' });
});

it('becoming root is no failure where nobody wants to', () => {
  const plain = report({ steps: [step('login', true), step('privilege', false), step('space', false)] });
  expect(stepsOf(plain).map((one) => one.state)).toEqual(['done', 'failed', 'failed']);
  const rootless = stepsOf(plain, true);
  expect(rootless.map((one) => one.state)).toEqual(['done', 'skipped', 'failed']);
  expect(rootless[1]).toMatchObject({ hint: '', cause: null });
});

it('the jump host is asked about first', () => {
  expect(keyToConfirm(report({ jump_host_key: key('new') }))?.who).toBe('jump');
  expect(keyToConfirm(report({ jump_host_key: key('known'), host_key: key('new') }))?.who).toBe('node');
  expect(changedKey(report({ jump_host_key: key('known'), host_key: key('changed') }))?.who).toBe('node');
  expect(changedKey(report({ host_key: key('new') }))).toBeNull();
});

it('names of steps and files', () => {
  expect(stepTitle('jump_login')).toBe('Log in (jump host)');
  expect(stepTitle('something_new')).toBe('something_new');
  expect(keyFile('ssh-ed25519')).toBe('/etc/ssh/ssh_host_ed25519_key.pub');
  expect(keyFile('ecdsa-sha2-nistp256')).toBe('/etc/ssh/ssh_host_ecdsa_key.pub');
  expect(keyFile('rsa-sha2-512')).toBe('/etc/ssh/ssh_host_rsa_key.pub');
  expect(keyFile('x; rm -rf /')).toBe('/etc/ssh/ssh_host_ed25519_key.pub');
});
