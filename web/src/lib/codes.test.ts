import { expect, test } from 'vitest';
import { inFours, isAppCode, recoveryFile, tidyCode } from './codes';

test('a code may be pasted with spaces', () => {
  expect(tidyCode(' 123 456\n')).toBe('123456');
  expect(tidyCode('123\u00a0456')).toBe('123456');
  expect(tidyCode('abcd-efgh ')).toBe('abcd-efgh');
  expect(isAppCode('123 456')).toBe(true);
  expect(isAppCode('12345')).toBe(false);
  expect(isAppCode('abcd-efgh')).toBe(false);
});

test('a secret is shown in fours', () => {
  expect(inFours('ABCDEFGHIJ')).toBe('ABCD EFGH IJ');
  expect(inFours('')).toBe('');
});

test('the file of recovery codes says what they are for', () => {
  expect(recoveryFile(['aaaa', 'bbbb'], 'zoe', 'stardust.example').split('\n')).toEqual([
    'Recovery codes of zoe for Stardust at stardust.example',
    'Each is good once, in place of the second factor.',
    '',
    'aaaa',
    'bbbb',
    '',
  ]);
});
