import { useCallback, useEffect, useState } from 'react';
import { type ApiError, api, asApiError } from '../../api/client';
import { isActive, type Job } from '../../api/job';
import { markSeen } from '../../live/seen';
import { live, useConnection, useLiveJob } from '../../live/store';

/** One job: from /live while it says something of it, else as the API knows it. */
export function useJob(id: number) {
  const known = useLiveJob(id);
  const { phase } = useConnection();
  const [fetched, setFetched] = useState<Job | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [attempt, setAttempt] = useState(0);
  const missing = known === undefined;
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
  const job = known ?? fetched;
  const ended = job !== null && !isActive(job);
  useEffect(() => live.show(id), [id]);
  useEffect(() => {
    if (ended) markSeen([id]);
  }, [ended, id]);
  return { job, error: known ? null : error, retry };
}
