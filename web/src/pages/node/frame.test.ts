import { describe, expect, it } from 'vitest';
import type { History } from '../../api/types';
import { frameFrom, type LivePoint, tracksByLabel, withLive } from './frame';

const history: History = {
  node: 1,
  from: 1_000,
  to: 5_500,
  step_ms: 1_000,
  tier: 'raw',
  times: [1_000, 2_000, 3_000, 4_000, 5_000],
  series: [
    {
      key: 'load.1m_milli',
      unit: 'milli',
      kind: 'gauge',
      avg: [1, 2, null, 4, null],
      min: [1, 2, null, 4, null],
      max: [1, 2, null, 4, null],
    },
    { key: 'broken{', unit: '', kind: 'gauge', avg: [1, 1, 1, 1, 1], min: [], max: [] },
  ],
  gaps: [],
};
const info = [{ key: 'load.1m_milli', unit: 'milli', kind: 'gauge' as const }];
const point = (time: number, value: number | null): LivePoint => ({ time, series: info, values: [value] });
const all = () => true;

describe('frames', () => {
  it('leave out keys that do not follow the grammar', () => {
    expect([...frameFrom(history).tracks.keys()]).toEqual(['load.1m_milli']);
  });
  it('put live points into their buckets and move the window on', () => {
    const frame = withLive(
      frameFrom(history),
      [point(5_200, 5), point(6_100, 6), point(7_100, 7)],
      2_500,
      7_100,
      all,
    );
    expect(frame.times).toEqual([2_000, 3_000, 4_000, 5_000, 6_000, 7_000]);
    expect(frame.tracks.get('load.1m_milli')!.avg).toEqual([2, null, 4, 5, 6, 7]);
  });
  it('let history win where it has the bucket', () => {
    const frame = withLive(frameFrom(history), [point(4_300, 99)], 1_000, 5_500, all);
    expect(frame.tracks.get('load.1m_milli')!.avg).toEqual([1, 2, null, 4, null]);
  });
  it('keep mean, smallest and largest of a bucket under way', () => {
    const frame = withLive(
      frameFrom(history),
      [point(6_100, 2), point(6_400, 4), point(6_800, 9)],
      4_000,
      6_900,
      all,
    );
    const track = frame.tracks.get('load.1m_milli')!;
    expect([track.avg.at(-1), track.min.at(-1), track.max.at(-1)]).toEqual([5, 2, 9]);
  });
  it('take in series that appeared since, if they belong here', () => {
    const disk: LivePoint = {
      time: 5_100,
      series: [{ key: 'disk.reads{device=sdb}', unit: '', kind: 'counter' }],
      values: [3],
    };
    const base = frameFrom(history);
    expect(
      tracksByLabel(
        withLive(base, [disk], 1_000, 5_500, (key) => key.startsWith('disk.')),
        'disk.reads',
        'device',
      ),
    ).toHaveLength(1);
    expect(
      withLive(base, [disk], 1_000, 5_500, (key) => key.startsWith('load')).tracks.has(
        'disk.reads{device=sdb}',
      ),
    ).toBe(false);
  });
  it('do not change the frame that they came from', () => {
    const base = frameFrom(history);
    withLive(base, [point(5_200, 5)], 1_000, 5_500, all);
    expect(base.tracks.get('load.1m_milli')!.avg).toEqual([1, 2, null, 4, null]);
  });
});
