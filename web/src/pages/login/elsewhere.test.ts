import { expect, test } from 'vitest';
import { whyBack } from './elsewhere';

test('why a sign-in elsewhere has led back', () => {
  expect(whyBack('')).toBeNull();
  expect(whyBack('next=%2Fjobs%3Fa%3D1')).toBeNull();
  expect(whyBack('sign_in=forbidden')).toContain('may do nothing here');
  expect(whyBack('next=%2F%3Fsign_in%3Dunauthenticated')).toContain('too long ago');
  expect(whyBack('sign_in=<b>')).toBe('That sign-in did not work. Try again.');
});
