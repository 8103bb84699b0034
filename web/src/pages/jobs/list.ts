import { isActive, type Job } from '../../api/job';
import { type Pages, withLive } from '../../lib/pages';
import { nodeOf } from '../../lib/url-state';

export interface JobsView {
  state: 'all' | 'active' | 'finished';
  node: number | null;
}

export function parseJobsView(search: string): JobsView {
  const params = new URLSearchParams(search);
  const state = params.get('state');
  return {
    state: state === 'active' || state === 'finished' ? state : 'all',
    node: nodeOf(params),
  };
}

export function jobsViewSearch(view: JobsView): string {
  const params = new URLSearchParams();
  if (view.state !== 'all') params.set('state', view.state);
  if (view.node !== null) params.set('node', String(view.node));
  const text = params.toString();
  return text ? `?${text}` : '';
}

export function fits(job: Job, view: JobsView): boolean {
  if (view.node !== null && job.node !== view.node) return false;
  return view.state === 'all' || isActive(job) === (view.state === 'active');
}

/** What was fetched, with what is known live: newer states win, new jobs come on top. */
export function mergeJobs(fetched: Pages<Job>, live: ReadonlyMap<number, Job>, view: JobsView): Job[] {
  return withLive(fetched, live.values()).filter((job) => fits(job, view));
}

/** Children of a group in the order they are worked on. */
export function childrenOf(fetched: readonly Job[], live: ReadonlyMap<number, Job>, group: number): Job[] {
  const jobs = new Map(fetched.map((job) => [job.id, job]));
  for (const job of live.values()) if (job.group === group) jobs.set(job.id, job);
  return [...jobs.values()].filter((job) => job.group === group).sort((a, b) => a.id - b.id);
}
