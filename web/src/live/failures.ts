import type { Job } from '../api/job';
import type { FailedJob, LiveMessage } from '../api/types';

/** The job that failed last on a node and was not made up for, by node. */
export type Failures = ReadonlyMap<number, FailedJob>;

export const NO_FAILURES: Failures = new Map();
/** Looks for updates, which happen by themselves every day. */
const LOOK = 'packages_refresh';

/** As the server keeps it, between two snapshots. */
export function reduceFailures(state: Failures, message: LiveMessage): Failures {
  if (message.type === 'snapshot') return new Map((message.failed ?? []).map((one) => [one.node, one]));
  return message.type === 'job' ? afterJob(state, message.job) : state;
}

export function afterJob(state: Failures, job: Job): Failures {
  if (job.node === null) return state;
  const before = state.get(job.node);
  if (before && job.id < before.id) return state;
  if (job.state === 'failed' || job.state === 'lost') {
    if (job.kind === LOOK && before && before.kind !== LOOK) return state;
    return new Map(state).set(job.node, {
      node: job.node,
      id: job.id,
      kind: job.kind,
      title: job.title,
      state: job.state,
      finished_ms: job.finished_ms ?? job.created_ms,
      message: job.error?.message ?? '',
    });
  }
  if (job.state !== 'succeeded' || !before) return state;
  if (job.kind === LOOK && before.kind !== LOOK) return state;
  const next = new Map(state);
  next.delete(job.node);
  return next;
}

/** Whether somebody should be told of it who looks at something else. */
export function isNews(before: Job | undefined, job: Job): boolean {
  if (job.state !== 'failed' && job.state !== 'lost') return false;
  // Its parts are told with the whole; and a look that happens by itself comes again by itself.
  if (job.group != null || (job.kind === LOOK && job.by === 'stardust')) return false;
  return before === undefined || before.state === 'queued' || before.state === 'running';
}
