import { describe, expect, it } from 'vitest';
import type { CheckReport, ImportHost } from '../../api/ssh';
import { EMPTY_LOGIN } from './draft';
import { afterCheck, loginFor, requestFor, rowsOf } from './import-rows';

const host = (part: Partial<ImportHost> = {}): ImportHost => ({
  line: 1,
  name: 'pi4',
  host: 'pi4.lan',
  port: 22,
  user: null,
  tags: ['home'],
  jump: null,
  error: null,
  ...part,
});
const secrets = { auth: { ...EMPTY_LOGIN.auth, how: 'password' as const, password: 'p' }, sudo: 's' };
const report = (part: Partial<CheckReport>): CheckReport => ({
  ok: false,
  steps: [],
  host_key: null,
  jump_host_key: null,
  privilege: null,
  facts: null,
  ...part,
});

describe('a list of hosts', () => {
  it('takes the user of a line, else the one for all', () => {
    const [a, b] = rowsOf([host(), host({ user: 'pi', jump: 'door@gate:2200' })]);
    expect(loginFor(a!, 'root', secrets)).toMatchObject({ user: 'root', sudo_password: 's' });
    expect(loginFor(b!, 'root', secrets)).toMatchObject({
      user: 'pi',
      jump: { host: 'gate', port: 2200, user: 'door', auth: { password: 'p' } },
    });
    expect(requestFor(a!, 'root', secrets)).toMatchObject({ name: 'pi4', tags: ['home'] });
  });
  it('leaves out lines that could not be read', () => {
    expect(rowsOf([host({ error: 'no host' })])[0]).toMatchObject({ state: 'failed', words: 'no host' });
  });
  it('asks for each new key, then says what is there or what failed', () => {
    const [row] = rowsOf([host()]);
    const key = { type: 'ssh-ed25519', sha256: 'SHA256:a', state: 'new' as const };
    const asks = afterCheck(row!, report({ host_key: key }));
    expect(asks).toMatchObject({ state: 'asks', question: { sha256: 'SHA256:a' } });
    const step = { name: 'login', ok: false, detail: 'refused', hint: 'try', cause: null, ms: 1 };
    expect(afterCheck(asks, report({ steps: [step] }))).toMatchObject({
      state: 'failed',
      words: 'refused',
      hint: 'try',
      question: null,
    });
    expect(afterCheck(asks, report({ ok: true }))).toMatchObject({ state: 'ready', question: null });
    expect(afterCheck(asks, report({ host_key: { ...key, state: 'changed' } })).state).toBe('failed');
  });
});
