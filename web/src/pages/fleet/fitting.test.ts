import { expect, it } from 'vitest';
import { roomBeside, tagsThatFit } from './fitting';

it('shows whole tags only, and leaves room to say how many more there are', () => {
  expect(tagsThatFit([], 0)).toBe(0);
  expect(tagsThatFit(['home', 'web'], 13)).toBe(2);
  expect(tagsThatFit(['home', 'web'], 12)).toBe(1);
  expect(tagsThatFit(['home', 'web', 'db'], 10)).toBe(1);
  expect(tagsThatFit(['home', 'web'], 8)).toBe(0);
  // Wide letters take two places; no tag takes more than its most.
  expect(tagsThatFit(['サーバー'], 10)).toBe(0);
  expect(tagsThatFit(['サーバー'], 11)).toBe(1);
  expect(tagsThatFit(['x'.repeat(32)], 23)).toBe(1);
  expect(roomBeside('pi4', 40)).toBe(37);
  expect(roomBeside('x'.repeat(64), 40)).toBe(4);
});
