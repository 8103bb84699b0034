import { expect, it } from 'vitest';
import { derive } from './rates';

const series = [
  { key: 'net.rx_bytes{iface=eth0}', unit: 'bytes', kind: 'counter' as const },
  { key: 'mem.free_bytes', unit: 'bytes', kind: 'gauge' as const },
];

it('turns counters into rates per second and leaves gauges', () => {
  const before = { time_ms: 1_000, values: [100, 7] };
  expect(derive(series, before, { time_ms: 3_000, values: [500, 9] })).toEqual([200, 9]);
});
it('says nothing about a counter without a reading before', () => {
  expect(derive(series, null, { time_ms: 3_000, values: [500, 9] })).toEqual([null, 9]);
  expect(derive(series, { time_ms: 1_000, values: [null, 7] }, { time_ms: 2_000, values: [500, 9] })).toEqual(
    [null, 9],
  );
  expect(
    derive(series, { time_ms: 1_000, values: [100, 7] }, { time_ms: 2_000, values: [null, null] }),
  ).toEqual([null, null]);
});
it('counts from zero after a reset, never below zero', () => {
  expect(derive(series, { time_ms: 0, values: [9_000, 7] }, { time_ms: 1_000, values: [50, 9] })[0]).toBe(50);
});
it('does not divide by a clock that stood still or went back', () => {
  expect(
    derive(series, { time_ms: 1_000, values: [1, 7] }, { time_ms: 1_000, values: [2, 9] })[0],
  ).toBeNull();
  expect(
    derive(series, { time_ms: 2_000, values: [1, 7] }, { time_ms: 1_000, values: [2, 9] })[0],
  ).toBeNull();
});
