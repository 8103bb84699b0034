import { expect, test } from 'vitest';
import { fromBase64Url, noPasskeys, toBase64Url } from './webauthn';

test('bytes go through base64url and back', () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
  for (const length of [0, 1, 2, 3, 255, 256]) {
    const text = toBase64Url(bytes.subarray(0, length));
    expect(text).toMatch(/^[\w-]*$/);
    expect(fromBase64Url(text)).toEqual(bytes.slice(0, length));
  }
  expect(toBase64Url(Uint8Array.of(0xfb, 0xff))).toBe('-_8');
});

test.each([
  ['https:', 'stardust.example', true],
  ['http:', 'localhost', true],
  ['http:', 'stardust.example', false],
  ['https:', '192.0.2.7', false],
  ['https:', '[2001:db8::1]', false],
])('%s//%s has passkeys: %s', (protocol, hostname, has) => {
  expect(noPasskeys({ protocol, hostname }, true) === null).toBe(has);
  expect(noPasskeys({ protocol, hostname }, false)).not.toBe(null);
});
