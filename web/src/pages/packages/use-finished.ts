import { useMemo } from 'react';
import { isActive } from '../../api/job';
import { useJobs } from '../../live/store';

const KINDS = /^(?:packages|reboot|deploy|remove)/;

/** Changes whenever a job that may have changed packages ends: on one node, or on any. */
export function useFinishedJobs(node: number | null): string {
  const jobs = useJobs();
  return useMemo(() => {
    let newest = 0;
    for (const job of jobs.values()) {
      if (isActive(job) || !KINDS.test(job.kind) || (node !== null && job.node !== node)) continue;
      newest = Math.max(newest, job.finished_ms ?? 0, 1);
    }
    return String(newest);
  }, [jobs, node]);
}
