import { expect, it } from 'vitest';
import { backoffMs } from './backoff';

it('doubles from one second to thirty and stays there', () => {
  const longest = [0, 1, 2, 3, 4, 5, 6, 50, 5_000].map((attempt) => backoffMs(attempt, () => 1));
  expect(longest).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
});
it('spreads over the upper half', () => {
  expect(backoffMs(3, () => 0)).toBe(4_000);
  for (let i = 0; i < 200; i += 1) {
    const wait = backoffMs(2);
    expect(wait).toBeGreaterThanOrEqual(2_000);
    expect(wait).toBeLessThanOrEqual(4_000);
  }
});
