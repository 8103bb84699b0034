import { isActive, type Job } from '../api/job';
import type { LiveMessage } from '../api/types';

/** Jobs that are under way, and those that ended while this page was open, by id. */
export type JobsState = ReadonlyMap<number, Job>;

export const NO_JOBS: JobsState = new Map();
/** Older ones can be fetched again. */
const FINISHED_MAX = 200;

function bounded(jobs: Map<number, Job>): Map<number, Job> {
  const finished = [...jobs.values()].filter((job) => !isActive(job));
  const surplus = finished.length - FINISHED_MAX;
  if (surplus > 0) {
    finished.sort((a, b) => (a.finished_ms ?? 0) - (b.finished_ms ?? 0));
    for (const job of finished.slice(0, surplus)) jobs.delete(job.id);
  }
  return jobs;
}

/** The jobs after a message of /live. Jobs that did not change stay the same objects. */
export function reduceJobs(state: JobsState, message: LiveMessage): JobsState {
  if (message.type === 'snapshot') {
    const jobs = new Map((message.jobs ?? []).map((job) => [job.id, job]));
    // One that was under way and is not any more ended unheard: whoever shows it has to ask.
    for (const job of state.values()) if (!isActive(job) && !jobs.has(job.id)) jobs.set(job.id, job);
    return bounded(jobs);
  }
  return message.type === 'job' ? putJob(state, message.job) : state;
}

/** An answer of the API may be older than what /live has said since: what has ended does not begin again. */
export function putJob(state: JobsState, job: Job): JobsState {
  const known = state.get(job.id);
  if (known && !isActive(known) && isActive(job)) return state;
  return bounded(new Map(state).set(job.id, job));
}

export function activeJobs(state: JobsState): Job[] {
  return [...state.values()].filter(isActive).sort((a, b) => b.id - a.id);
}

/** The active job of a node that runs, else the oldest that waits. */
export function jobOfNode(state: JobsState, node: number): Job | undefined {
  let found: Job | undefined;
  for (const job of state.values()) {
    if (job.node !== node || !isActive(job)) continue;
    const before = found;
    const first = before === undefined || (job.state === 'running') > (before.state === 'running');
    if (first || (job.state === before.state && job.id < before.id)) found = job;
  }
  return found;
}
