import { useCallback, useMemo } from 'react';
import { api } from '../../api/client';
import type { Job } from '../../api/job';
import { usePages } from '../../lib/use-pages';
import { useJobs } from '../../live/store';
import { type JobsView, mergeJobs } from './list';

const PAGE_SIZE = 50;

/** Jobs that fit a view, newest first: fetched page by page, and kept up to date by /live. */
export function useJobList({ state, node }: JobsView) {
  const live = useJobs();
  const fetch = useCallback(
    async (cursor: string | null, signal: AbortSignal) => {
      const query = {
        state: state === 'all' ? undefined : state,
        node: node ?? undefined,
        cursor: cursor ?? undefined,
        limit: PAGE_SIZE,
      };
      const { jobs, next } = await api.jobs(query, signal);
      return { items: jobs, next };
    },
    [state, node],
  );
  // Jobs may have ended unheard: those on older pages are asked for again.
  const list = usePages<Job>({ fetch, older: 'goes' });
  const { pages } = list;
  const jobs = useMemo(
    () => (pages ? mergeJobs(pages, live, { state, node }) : []),
    [pages, live, state, node],
  );
  return { ...list, jobs };
}
