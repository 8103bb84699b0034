import { expect, it } from 'vitest';
import { parseSizes, WAVES_MAX, wavesOf } from './waves';

it('makes waves as the server does', () => {
  for (const [count, waves] of [
    [0, []],
    [1, [1]],
    [2, [1, 1]],
    [3, [1, 1, 1]],
    [10, [1, 3, 6]],
    [10_000, [1, 2500, 7499]],
  ] as const) {
    expect(wavesOf(count)).toEqual(waves);
  }
  expect(wavesOf(10, [2, '50%'])).toEqual([2, 5, 3]);
  expect(wavesOf(10, ['100%', 'rest'])).toEqual([10]);
  const many = wavesOf(
    20,
    Array.from({ length: 20 }, () => 1),
  );
  expect([many.length, many.reduce((a, b) => a + b)]).toEqual([WAVES_MAX, 20]);
});

it('reads sizes that someone typed', () => {
  expect(parseSizes(' 1, 5 25%;Rest ')).toEqual([1, 5, '25%', 'rest']);
  for (const bad of ['', '0', '0%', '101%', '-1', '1.5', 'all', '1,,x', '1 1 1 1 1 1 1 1 1']) {
    expect(parseSizes(bad), bad).toBe(null);
  }
});
