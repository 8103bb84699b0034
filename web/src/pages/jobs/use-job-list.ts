import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { type ApiError, api, asApiError } from '../../api/client';
import type { Job } from '../../api/job';
import { useConnection, useJobs } from '../../live/store';
import { type JobsView, mergeJobs } from './list';

const PAGE_SIZE = 50;

interface Pages {
  jobs: Job[];
  next: string | null;
}

/** Jobs that fit a view, newest first: fetched page by page, and kept up to date by /live. */
export function useJobList(view: JobsView) {
  const live = useJobs();
  const { phase } = useConnection();
  const [pages, setPages] = useState<Pages | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [loading, setLoading] = useState(false);
  const request = useRef<AbortController | null>(null);
  const { state, node } = view;

  const load = useCallback(
    (cursor: string | null) => {
      request.current?.abort();
      const own = new AbortController();
      request.current = own;
      setLoading(true);
      const query = {
        state: state === 'all' ? undefined : state,
        node: node ?? undefined,
        cursor: cursor ?? undefined,
        limit: PAGE_SIZE,
      };
      api.jobs(query, own.signal).then(
        (page) => {
          if (own.signal.aborted) return;
          setPages((before) => ({
            jobs: cursor && before ? [...before.jobs, ...page.jobs] : page.jobs,
            next: page.next,
          }));
          setError(null);
          setLoading(false);
        },
        (cause) => {
          if (own.signal.aborted) return;
          setError(asApiError(cause));
          setLoading(false);
        },
      );
    },
    [state, node],
  );

  // Anew after a lost connection too: jobs may have ended unheard.
  const open = phase === 'open';
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above.
  useEffect(() => {
    load(null);
    return () => request.current?.abort();
  }, [load, open]);

  const jobs = useMemo(
    () => (pages ? mergeJobs(pages.jobs, live, { state, node }, pages.next === null) : null),
    [pages, live, state, node],
  );
  const next = pages?.next ?? null;
  return {
    jobs,
    error,
    loading,
    retry: () => load(null),
    more: next === null ? null : () => load(next),
  };
}
