import { useState } from 'react';
import { ApiError, api, asApiError } from '../../api/client';
import type { Job } from '../../api/job';
import { live } from '../../live/store';

/** Tries a job again; where its node's credentials were forgotten it says so, and they are asked for. */
export function useRetry(job: Job, onStarted: (job: Job) => void) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [asks, setAsks] = useState(false);
  async function retry() {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      const { job: next } = await api.retryJob(job.id);
      live.putJob(next);
      onStarted(next);
    } catch (cause) {
      if (cause instanceof ApiError && cause.kind === 'credentials_needed') setAsks(true);
      else setError(asApiError(cause));
    } finally {
      setBusy(false);
    }
  }
  return { busy, error, asks, retry, close: () => setAsks(false) };
}
