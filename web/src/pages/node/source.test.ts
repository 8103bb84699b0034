import { afterEach, expect, it, vi } from 'vitest';
import { ApiError, api } from '../../api/client';
import type { History } from '../../api/types';

vi.stubGlobal('location', { protocol: 'http:', host: 'test' });
const { NodeSource } = await import('./source');

function history(from: number, to: number): History {
  return {
    ...{ node: 1, from, to, step_ms: 1_000, tier: 'raw', times: [from], gaps: [] },
    series: [{ key: 'load.1m_milli', unit: '', kind: 'gauge', avg: [1], min: [1], max: [1] }],
  };
}

afterEach(() => vi.restoreAllMocks());

it('asks for what it draws, and then only for what came since', async () => {
  const asked = vi.spyOn(api, 'history');
  asked.mockImplementation((_, query) => {
    const step = 1_000;
    const start = Math.floor(query.from / step) * step;
    const times = Array.from({ length: Math.ceil((query.to - start) / step) }, (_, n) => start + n * step);
    const avg = times.map((time) => time / 1_000);
    const series = [{ key: query.series[0]!, unit: '', kind: 'gauge' as const, avg }];
    return Promise.resolve({ ...history(query.from, query.to), times, series });
  });
  vi.useFakeTimers({ now: 1_790_000_000_000 });
  try {
    const source = new NodeSource(1);
    source.show({ rollingMs: 900_000 }, 900, 1_000, 4);
    await vi.advanceTimersByTimeAsync(500);
    const parts = new Map(asked.mock.calls.map(([, query]) => [query.series[0], query.parts?.join()]));
    expect(parts.get('cpu.user_ms')).toBe('avg,min,max');
    expect(parts.get('fs.total_bytes')).toBe('avg');
    // Nobody knew how many interfaces there are: with few of them the bands are asked for too.
    expect(parts.get('net.rx_bytes')).toBe('avg,min,max');
    expect(asked.mock.calls.every(([, query]) => query.digits! <= 6)).toBe(true);
    asked.mockClear();

    await vi.advanceTimersByTimeAsync(12_500);
    expect(asked.mock.calls.length).toBe(7);
    for (const [, query] of asked.mock.calls) expect(query.to - query.from).toBeLessThan(80_000);
    const frame = source.get().frames.get('machine')!;
    const values = frame.tracks.get('cpu.user_ms')!.avg;
    expect(frame.times.length).toBe(values.length);
    // Nothing is missing where the two answers meet.
    expect(values.filter((value) => value !== null).length).toBeGreaterThan(895);
    for (const [at, time] of frame.times.entries()) {
      if (values[at] !== null) expect(values[at]).toBe(time / 1_000);
    }
    source.stop();
  } finally {
    vi.useRealTimers();
  }
});

it('keeps what it has when the server can not be asked, and says that it failed', async () => {
  const asked = vi.spyOn(api, 'history');
  asked.mockImplementation((_, query) => Promise.resolve(history(query.from, query.to)));
  const source = new NodeSource(1);
  const settled = () => vi.waitFor(() => expect(source.get().loading).toBe(false));
  source.show({ from: 1_000, to: 61_000 }, 60, 1_000, 4);
  await settled();
  const before = source.get().frames;
  expect(before.size).toBe(7);

  asked.mockRejectedValue(new ApiError(0, 'unreachable', 'Ground Control can’t be reached.', ''));
  source.retry();
  await settled();
  expect([...source.get().frames.keys()]).toEqual([...before.keys()]);
  expect(source.get().frames.get('machine')).toBe(before.get('machine'));
  expect(source.get().errors.size).toBe(7);

  asked.mockImplementation((_, query) => Promise.resolve(history(query.from, query.to)));
  source.retry();
  await settled();
  expect(source.get().errors.size).toBe(0);
  source.stop();
});
