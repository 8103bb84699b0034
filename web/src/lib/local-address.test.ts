import { expect, it } from 'vitest';
import { isLocalHost, localAddressIn } from './local-address';

it('knows addresses that mean only this machine', () => {
  for (const host of [
    'localhost',
    'LOCALHOST.',
    'a.localhost',
    '127.0.0.1',
    '127.1.2.3',
    '[::1]',
    '0.0.0.0',
  ]) {
    expect(isLocalHost(host), host).toBe(true);
  }
  for (const host of ['192.0.2.7', 'localhost.example', '127.example', '[2001:db8::1]', '10.127.0.1']) {
    expect(isLocalHost(host), host).toBe(false);
  }
});
it('finds it in the command that is to be pasted elsewhere', () => {
  const command = (server: string) => `STARDUST_TOKEN='x' stardust-spider --server '${server}'`;
  expect(localAddressIn(command('ws://127.0.0.1:8933'))).toBe('ws://127.0.0.1:8933');
  expect(localAddressIn(command('wss://[::1]:8933'))).toBe('wss://[::1]:8933');
  expect(localAddressIn(command('wss://stardust.example'))).toBeNull();
});
