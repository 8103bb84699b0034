import { describe, expect, it } from 'vitest';
import type { Job, JobState } from '../../api/job';
import { childrenOf, jobsViewSearch, mergeJobs, parseJobsView } from './list';

const job = (id: number, state: JobState, node = 1, group: number | null = null): Job => ({
  id,
  kind: 'deploy',
  node,
  group,
  title: `job ${id}`,
  state,
  created_ms: id,
  steps: [],
  output_bytes: 0,
  can_cancel: true,
});
const live = (...jobs: Job[]) => new Map(jobs.map((one) => [one.id, one]));
const all = parseJobsView('');
const ids = (jobs: Job[]) => jobs.map((one) => one.id);

describe('the list of jobs', () => {
  it('survives the way through the address', () => {
    for (const view of [all, { state: 'active', node: 3 } as const]) {
      expect(parseJobsView(jobsViewSearch(view))).toEqual(view);
    }
    expect(parseJobsView('?state=odd&node=-1')).toEqual(all);
    expect(jobsViewSearch(all)).toBe('');
  });
  it('puts new jobs on top and lets live states win', () => {
    const merged = mergeJobs(
      { items: [job(2, 'running'), job(1, 'failed')], next: null },
      live(job(3, 'queued'), job(2, 'failed')),
      all,
    );
    expect(merged.map((one) => [one.id, one.state])).toEqual([
      [3, 'queued'],
      [2, 'failed'],
      [1, 'failed'],
    ]);
  });
  it('drops what no longer fits the filter', () => {
    const view = { state: 'active', node: 1 } as const;
    const merged = mergeJobs(
      { items: [job(2, 'running'), job(1, 'running')], next: null },
      live(job(2, 'succeeded'), job(3, 'running', 9)),
      view,
    );
    expect(ids(merged)).toEqual([1]);
  });
});

it('the parts of a group come in their own order', () => {
  const fetched = [job(12, 'queued', 2, 10), job(11, 'running', 1, 10)];
  expect(ids(childrenOf(fetched, live(job(13, 'queued', 3, 10), job(14, 'queued', 4, 9)), 10))).toEqual([
    11, 12, 13,
  ]);
});
