import { isActive, type Job } from '../../api/job';
import { age, duration } from '../../lib/units';
import { stateWord } from '../../ui/job-state';

/** How long it ran, or has been running. */
export function ranFor(job: Job, serverNow: number): string | null {
  if (job.started_ms == null) return null;
  const ms = (job.finished_ms ?? serverNow) - job.started_ms;
  // A clock that ticks under a second says nothing.
  return duration(isActive(job) ? Math.max(1_000, ms) : ms);
}

export function since(ms: number, serverNow: number): string {
  const old = serverNow - ms;
  return old < 5_000 ? 'just now' : `${age(old)} ago`;
}

/** Its state in a few words: what it does now, or how it ended. */
export function jobWords(job: Job): string {
  if (job.cancelling && isActive(job)) return 'Cancelling…';
  if (job.state === 'queued' && job.waits_for != null) return `Waits for job ${job.waits_for}`;
  if (job.state === 'running') {
    const step = job.steps.find((one) => one.state === 'running');
    return step ? step.title : 'Running';
  }
  if (job.error && (job.state === 'failed' || job.state === 'lost')) return job.error.message;
  return stateWord(job.state);
}

/** Steps done, for jobs that give no progress of their own. */
export function progressOf(job: Job): { done: number; total: number } | null {
  if (!isActive(job)) return null;
  if (job.progress && job.progress.total > 0) return job.progress;
  return null;
}
