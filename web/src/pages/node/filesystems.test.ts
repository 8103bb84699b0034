import { expect, it } from 'vitest';
import type { Cell } from '../../api/types';
import { filesystemsOf } from './filesystems';
import { frameFrom } from './frame';
import { diskFree } from './tiles';

const series = (key: string, avg: Cell[]) => ({
  key,
  unit: '',
  kind: 'gauge' as const,
  avg,
  min: avg,
  max: avg,
});
const frame = (list: ReturnType<typeof series>[]) =>
  frameFrom({ node: 1, from: 0, to: 2, step_ms: 1, tier: 'raw', times: [0, 1], series: list, gaps: [] });

it('counts bytes and inodes as df does, of the newest reading', () => {
  const rows = filesystemsOf(
    frame([
      series('fs.total_bytes{mount=/}', [100, 100]),
      series('fs.free_bytes{mount=/}', [90, 40]),
      series('fs.available_bytes{mount=/}', [80, 20]),
      series('fs.files{mount=/}', [1_000, null]),
      series('fs.files_free{mount=/}', [250, null]),
      series('fs.total_bytes{mount=/b}', [8, 8]),
      series('fs.free_bytes{mount=/b}', [8, 8]),
      series('fs.files{mount=/b}', [0, 0]),
      series('fs.files_free{mount=/b}', [0, 0]),
      series('fs.readonly{mount=/b}', [0, 1]),
      series('fs.total_bytes{mount=/gone}', [null, null]),
    ]),
  );
  expect(rows.map(({ mount, readonly }) => [mount, readonly])).toEqual([
    ['/', false],
    ['/b', true],
  ]);
  expect(rows[0]).toMatchObject({ usedBytes: 60, freeBytes: 20, usedPercent: 75, totalBytes: 100 });
  expect(rows[0]!.inodes).toEqual({ total: 1_000, used: 750, free: 250, percent: 75 });
  expect(rows[1]).toMatchObject({ usedBytes: 0, freeBytes: 8, usedPercent: 0, inodes: null });
});

it('says as free what its percent is of', () => {
  const used = 18.5;
  const free = diskFree({ disk_percent: 20, disk_used_bytes: used, disk_total_bytes: 252 })!;
  expect((used / (used + free)) * 100).toBeCloseTo(20);
  expect(diskFree({ disk_percent: 0, disk_used_bytes: 0, disk_total_bytes: 10 })).toBe(10);
  expect(diskFree({ disk_percent: null })).toBeNull();
  expect(diskFree({ disk_percent: 20, disk_used_bytes: 1, disk_free_bytes: 7 })).toBe(7);
});
