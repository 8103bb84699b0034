import { useState } from 'react';
import { useLocation } from 'wouter';
import { ApiError, asApiError } from '../../api/client';
import type { Job } from '../../api/job';
import type { Secrets } from '../../api/ssh';
import { live } from '../../live/store';
import { NO_SECRETS, type SecretsDraft, secretsOf } from './secrets';

/**
 * Starts a job and leads to it. Where the server says that the node's credentials were forgotten, they are
 * asked for, and the same is tried again with them.
 */
export function useStart(
  start: (secrets: Secrets) => Promise<{ job: Job }>,
  onStarted?: (job: Job) => void,
  askAtOnce = false,
) {
  const [, navigate] = useLocation();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [asked, setAsked] = useState(askAtOnce);
  const [draft, setDraft] = useState<SecretsDraft>(NO_SECRETS);
  const secrets = asked ? secretsOf(draft) : {};

  async function go() {
    if (busy || secrets === null) return;
    setBusy(true);
    setError(null);
    try {
      const { job } = await start(secrets);
      live.putJob(job);
      if (onStarted) onStarted(job);
      else navigate(`/jobs/${job.id}`);
    } catch (cause) {
      if (cause instanceof ApiError && cause.kind === 'credentials_needed' && !asked) setAsked(true);
      else setError(asApiError(cause));
      setBusy(false);
    }
  }

  return { busy, error, asked, draft, setDraft, ready: secrets !== null && !busy, go };
}
