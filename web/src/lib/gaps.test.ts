import { describe, expect, it } from 'vitest';
import type { Gap } from '../api/types';
import { bridgeShortHoles, gapAt, gapsInWindow, gapWords, silentStretches } from './gaps';

const gap = (from: number, to: number, cause = 'link_down', text = 'the link was down') => ({
  from,
  to,
  cause,
  text,
});

it('clips gaps to the window and leaves out what lies outside', () => {
  const inside = gapsInWindow([gap(0, 50), gap(150, 300), gap(400, 500), gap(200, 200)], 40, 200);
  expect(inside.map(({ from, to }) => [from, to])).toEqual([
    [40, 50],
    [150, 200],
  ]);
});
it('joins neighbours of one cause, not of different ones', () => {
  const joined = gapsInWindow(
    [gap(30, 40), gap(10, 20), gap(21, 30), gap(40, 50, 'node_off', 'off')],
    0,
    100,
    1,
  );
  expect(joined.map(({ from, to, cause }) => [from, to, cause])).toEqual([
    [10, 40, 'link_down'],
    [40, 50, 'node_off'],
  ]);
});
it('finds the gap under the cursor', () => {
  expect(gapAt([gap(10, 20)], 15)?.from).toBe(10);
  expect(gapAt([gap(10, 20)], 21)).toBeNull();
});
it('has words for every cause, known or not', () => {
  expect(gapWords(gap(0, 1))).toBe('the link was down');
  expect(gapWords(gap(0, 1, 'suspended', ''))).toContain('asleep');
  expect(gapWords(gap(0, 1, 'never_heard_of', ''))).toContain('unknown');
});
it('bridges buckets that are only finer than the interval', () => {
  const times = [0, 1, 2, 3, 4, 5];
  expect(bridgeShortHoles(times, [1, null, null, 2, null, 3], 3, [])).toEqual([
    1,
    undefined,
    undefined,
    2,
    undefined,
    3,
  ]);
});
it('keeps long holes and reported gaps open, and the ends as they are', () => {
  const times = [0, 1, 2, 3, 4, 5];
  expect(bridgeShortHoles(times, [1, null, null, null, 2, null], 3, [])).toEqual([
    1,
    null,
    null,
    null,
    2,
    null,
  ]);
  expect(bridgeShortHoles(times, [1, null, 2, null, 3, 4], 3, [gap(0.5, 1.5)])).toEqual([
    1,
    null,
    2,
    undefined,
    3,
    4,
  ]);
});

describe('silence', () => {
  const times = [0, 10, 20, 30, 40, 50, 60];
  const at = (...present: number[]) => times.map((time) => present.includes(time));
  const parts = (list: Gap[]) => list.map(({ from, to }) => [from, to]);
  it('is what lies between readings too far apart, not before the first or after the last', () => {
    expect(parts(silentStretches(times, at(10, 50), 10, 20, []))).toEqual([[20, 50]]);
    expect(silentStretches(times, at(10, 30), 10, 20, [])).toEqual([]);
    expect(silentStretches(times, at(), 10, 20, [])).toEqual([]);
  });
  it('is only what no gap explains', () => {
    const gap = (from: number, to: number) => ({ from, to, cause: 'node_off', text: '' });
    expect(silentStretches(times, at(0, 60), 10, 20, [gap(5, 62)])).toEqual([]);
    expect(silentStretches(times, at(0, 60), 10, 20, [gap(20, 50)])).toEqual([]);
    expect(parts(silentStretches(times, at(0, 60), 10, 20, [gap(10, 30)]))).toEqual([[30, 60]]);
  });
});
