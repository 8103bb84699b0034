import { describe, expect, it } from 'vitest';
import type { Job, JobState } from '../api/job';
import type { LiveMessage } from '../api/types';
import { activeJobs, jobOfNode, NO_JOBS, putJob, reduceJobs } from './jobs';

function job(id: number, state: JobState = 'running', part: Partial<Job> = {}): Job {
  return {
    id,
    kind: 'deploy',
    node: 1,
    title: `job ${id}`,
    state,
    created_ms: id,
    finished_ms: state === 'running' || state === 'queued' ? null : id,
    steps: [],
    output_bytes: 0,
    can_cancel: true,
    ...part,
  };
}
const snapshot = (...jobs: Job[]): LiveMessage => ({
  type: 'snapshot',
  time_ms: 0,
  version: '1',
  nodes: [],
  jobs,
});

describe('live jobs', () => {
  it('start with the snapshot and follow each message', () => {
    const first = reduceJobs(NO_JOBS, snapshot(job(1), job(2, 'queued')));
    const next = reduceJobs(first, { type: 'job', job: job(2, 'running') });
    expect(next.get(2)!.state).toBe('running');
    expect(next.get(1)).toBe(first.get(1));
    expect(activeJobs(next).map((one) => one.id)).toEqual([2, 1]);
  });
  it('forget those that ended while nobody listened, and keep those whose end was heard', () => {
    const before = reduceJobs(reduceJobs(NO_JOBS, snapshot(job(1), job(2))), {
      type: 'job',
      job: job(2, 'failed'),
    });
    const after = reduceJobs(before, snapshot(job(3)));
    expect([...after.keys()].sort()).toEqual([2, 3]);
  });
  it('do not begin again when an old answer comes late', () => {
    const ended = putJob(NO_JOBS, job(1, 'succeeded'));
    expect(putJob(ended, job(1, 'running'))).toBe(ended);
    expect(putJob(ended, job(1, 'succeeded', { title: 'new' })).get(1)!.title).toBe('new');
  });
  it('are bounded, and never at the cost of one under way', () => {
    let state = putJob(NO_JOBS, job(1));
    for (let id = 2; id < 300; id += 1) state = putJob(state, job(id, 'succeeded'));
    expect(state.size).toBe(201);
    expect(state.has(1)).toBe(true);
    expect(state.has(2)).toBe(false);
    expect(state.has(299)).toBe(true);
  });
  it('of a node: the one that runs, else the first that waits', () => {
    let state = [
      job(3, 'queued'),
      job(2, 'queued'),
      job(1, 'succeeded'),
      job(9, 'running', { node: 2 }),
    ].reduce(putJob, NO_JOBS);
    expect(jobOfNode(state, 1)?.id).toBe(2);
    state = putJob(state, job(3, 'running'));
    expect(jobOfNode(state, 1)?.id).toBe(3);
    expect(jobOfNode(state, 4)).toBeUndefined();
  });
  it('leave other messages alone, and a server without jobs too', () => {
    const state = putJob(NO_JOBS, job(1));
    expect(reduceJobs(state, { type: 'changes', time_ms: 1 })).toBe(state);
    expect(reduceJobs(NO_JOBS, { type: 'snapshot', time_ms: 0, version: '1', nodes: [] }).size).toBe(0);
  });
});
