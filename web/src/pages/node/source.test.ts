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

it('keeps what it has when the server can not be asked, and says that it failed', async () => {
  const asked = vi.spyOn(api, 'history');
  asked.mockImplementation((_, query) => Promise.resolve(history(query.from, query.to)));
  const source = new NodeSource(1);
  const settled = () => vi.waitFor(() => expect(source.get().loading).toBe(false));
  source.show({ from: 1_000, to: 61_000 }, 60, 1_000, 4);
  await settled();
  const before = source.get().frames;
  expect(before.size).toBe(6);

  asked.mockRejectedValue(new ApiError(0, 'unreachable', 'Ground Control can’t be reached.', ''));
  source.retry();
  await settled();
  expect([...source.get().frames.keys()]).toEqual([...before.keys()]);
  expect(source.get().frames.get('machine')).toBe(before.get('machine'));
  expect(source.get().errors.size).toBe(6);

  asked.mockImplementation((_, query) => Promise.resolve(history(query.from, query.to)));
  source.retry();
  await settled();
  expect(source.get().errors.size).toBe(0);
  source.stop();
});
