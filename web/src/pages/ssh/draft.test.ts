import { describe, expect, it } from 'vitest';
import { EMPTY_LOGIN, keyObjection, loginOf, objection, takeApart, targetWords } from './draft';

const KEY = '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n-----END OPENSSH PRIVATE KEY-----';
const filled = { ...EMPTY_LOGIN, host: 'pi4.lan', auth: { ...EMPTY_LOGIN.auth, key: KEY } };

describe('a pasted address', () => {
  it.each([
    ['root@pi4.lan', { host: 'pi4.lan', user: 'root' }],
    ['pi4.lan:2222', { host: 'pi4.lan', port: '2222' }],
    ['ssh -p 2222 admin@10.0.0.4', { host: '10.0.0.4', port: '2222', user: 'admin' }],
    ['ssh pi4', { host: 'pi4' }],
    ['ssh://root@pi4:22/', { host: 'pi4', port: '22', user: 'root' }],
    ['root@[2001:db8::1]:2200', { host: '2001:db8::1', port: '2200', user: 'root' }],
  ])('%s is taken apart', (text, parts) => {
    expect(takeApart(text)).toMatchObject(parts);
  });
  it.each(['pi4.lan', '2001:db8::1', '', 'two words', 'ssh -i key pi4'])('%s is left as it is', (text) => {
    expect(takeApart(text)).toBeNull();
  });
});

describe('what is no private key', () => {
  it('is said in words before it is sent', () => {
    expect(keyObjection('')).toMatch(/missing/);
    expect(keyObjection('ssh-ed25519 AAAAC3Nza me@here')).toMatch(/public half/);
    expect(keyObjection('PuTTY-User-Key-File-3: ssh-ed25519')).toMatch(/PuTTY/);
    expect(keyObjection('hunter2')).toMatch(/no private key/);
    expect(keyObjection(KEY.slice(0, -5))).toMatch(/end of the key/);
  });
  it.each([
    'OPENSSH PRIVATE KEY',
    'RSA PRIVATE KEY',
    'EC PRIVATE KEY',
    'PRIVATE KEY',
    'ENCRYPTED PRIVATE KEY',
  ])('%s is none of these', (kind) => {
    expect(keyObjection(` -----BEGIN ${kind}-----\r\nAAAA\r\n-----END ${kind}-----\r\n`)).toBeNull();
  });
});

describe('a login', () => {
  it('is complete before it is tried', () => {
    expect(objection(EMPTY_LOGIN)?.field).toBe('host');
    expect(objection({ ...filled, port: '70000' })?.field).toBe('port');
    expect(objection({ ...filled, user: ' ' })?.field).toBe('user');
    expect(objection({ ...filled, auth: { ...filled.auth, how: 'password' } })?.field).toBe('auth');
    expect(objection({ ...filled, jump: { ...filled.jump, on: true } })?.field).toBe('jump');
    expect(objection(filled)).toBeNull();
  });
  it('sends what was given and nothing empty', () => {
    expect(loginOf(filled, {})).toEqual({
      host: 'pi4.lan',
      port: 22,
      user: 'root',
      auth: { key: `${KEY}\n` },
    });
    expect(loginOf({ ...filled, pin: ' sha256/x= ' }, {}).pin).toBe('sha256/x=');
    const all = loginOf(
      {
        ...filled,
        auth: { ...filled.auth, how: 'password', password: 'p', passphrase: 'unused' },
        sudo: 's',
        jump: { ...filled.jump, on: true, host: 'door', port: '2' },
      },
      { node: 'SHA256:a', jump: 'SHA256:b' },
    );
    expect(all).toEqual({
      host: 'pi4.lan',
      port: 22,
      user: 'root',
      auth: { password: 'p' },
      sudo_password: 's',
      host_key: 'SHA256:a',
      jump: { host: 'door', port: 2, user: 'root', auth: { password: 'p' }, host_key: 'SHA256:b' },
    });
  });
  it('is named without a secret', () => {
    expect(targetWords({ host: 'pi4', port: '22', user: 'root' })).toBe('root@pi4');
    expect(targetWords({ host: '::1', port: '23', user: 'me' })).toBe('me@[::1]:23');
  });
});

describe('what goes beside a key', () => {
  const CERTIFICATE = 'ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1 me@here';
  const auth = { ...filled.auth, certificate: ` ${CERTIFICATE}\n`, second: 'p' };
  it('is sent with it', () => {
    expect(loginOf({ ...filled, auth }, {}).auth).toEqual({
      key: `${KEY}\n`,
      certificate: CERTIFICATE,
      password: 'p',
    });
  });
  it('is told from a key and from a public half', () => {
    expect(keyObjection(CERTIFICATE)).toMatch(/certificate/);
    expect(objection({ ...filled, auth })).toBeNull();
    for (const certificate of ['ssh-ed25519 AAAA me', KEY, 'x']) {
      expect(objection({ ...filled, auth: { ...auth, certificate } })?.text).toMatch(/no certificate/);
    }
  });
});
