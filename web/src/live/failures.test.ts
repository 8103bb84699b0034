import { expect, it } from 'vitest';
import type { Job, JobState } from '../api/job';
import { afterJob, type Failures, isNews, NO_FAILURES, reduceFailures } from './failures';

let next = 1;
const job = (kind: string, state: JobState, part: Partial<Job> = {}): Job => ({
  id: next++,
  kind,
  node: 7,
  title: kind,
  state,
  created_ms: 1,
  steps: [],
  output_bytes: 0,
  can_cancel: false,
  ...part,
});
const after = (...jobs: Job[]) => jobs.reduce<Failures>(afterJob, NO_FAILURES).get(7)?.kind;

it('keeps a failure until it was made up for', () => {
  expect(after(job('deploy', 'failed'))).toBe('deploy');
  expect(after(job('deploy', 'failed'), job('deploy', 'cancelled'))).toBe('deploy');
  expect(after(job('deploy', 'failed'), job('deploy', 'succeeded'))).toBe(undefined);
  expect(after(job('reboot', 'lost'), job('packages_refresh', 'succeeded'))).toBe('reboot');
  expect(after(job('reboot', 'failed'), job('packages_refresh', 'failed'))).toBe('reboot');
  expect(after(job('packages_refresh', 'failed'), job('packages_refresh', 'succeeded'))).toBe(undefined);
  // What is told late changes nothing.
  const [old, young] = [job('reboot', 'succeeded'), job('reboot', 'failed')];
  expect(after(young, old)).toBe('reboot');
});

it('begins anew with each snapshot', () => {
  const failed = [
    { node: 3, id: 1, kind: 'deploy', title: 't', state: 'failed' as const, finished_ms: 1, message: 'm' },
  ];
  const state = reduceFailures(NO_FAILURES, { type: 'snapshot', time_ms: 1, version: '', nodes: [], failed });
  expect([...state.keys()]).toEqual([3]);
  expect(reduceFailures(state, { type: 'snapshot', time_ms: 1, version: '', nodes: [] }).size).toBe(0);
});

it('tells of what has just failed, once, and not of parts', () => {
  const running = job('deploy', 'running');
  const failed = { ...running, state: 'failed' as const };
  expect(isNews(running, failed)).toBe(true);
  expect(isNews(undefined, failed)).toBe(true);
  expect(isNews(failed, failed)).toBe(false);
  expect(isNews(running, { ...failed, group: 2 })).toBe(false);
  expect(isNews(running, { ...failed, state: 'cancelled' })).toBe(false);
  expect(isNews(running, { ...failed, kind: 'packages_refresh', by: 'stardust' })).toBe(false);
});
