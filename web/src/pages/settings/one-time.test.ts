import { expect, test } from 'vitest';
import { oneTimePassword } from './one-time';

test('a password for one login is readable, and different each time', () => {
  expect(oneTimePassword()).toMatch(/^([a-hjkmnp-z2-9]{4}-){3}[a-hjkmnp-z2-9]{4}$/);
  expect(new Set(Array.from({ length: 50 }, () => oneTimePassword())).size).toBe(50);
});

test('bytes that would make some letters likelier are left out', () => {
  const rounds = [new Uint8Array(16).fill(255), new Uint8Array(16).fill(248), new Uint8Array(16).fill(30)];
  expect(oneTimePassword(() => rounds.shift()!)).toBe('9999-9999-9999-9999');
});
