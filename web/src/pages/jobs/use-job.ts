import { useCallback, useEffect, useState } from 'react';
import { type ApiError, api, asApiError } from '../../api/client';
import type { Job } from '../../api/job';
import { useConnection, useLiveJob } from '../../live/store';

/** One job: from /live while it says something of it, else as the API knows it. */
export function useJob(id: number) {
  const live = useLiveJob(id);
  const { phase } = useConnection();
  const [fetched, setFetched] = useState<Job | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [attempt, setAttempt] = useState(0);
  const missing = live === undefined;
  const open = phase === 'open';
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked anew after a loss, when it may have ended unheard.
  useEffect(() => {
    if (!missing) return;
    const request = new AbortController();
    api.job(id, request.signal).then(
      (job) => {
        setFetched(job);
        setError(null);
      },
      (cause) => {
        if (!request.signal.aborted) setError(asApiError(cause));
      },
    );
    return () => request.abort();
  }, [id, missing, open, attempt]);
  const retry = useCallback(() => setAttempt((n) => n + 1), []);
  return { job: live ?? fetched, error: live ? null : error, retry };
}
