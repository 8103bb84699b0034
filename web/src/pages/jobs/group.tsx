import { useEffect, useMemo, useState } from 'react';
import { api } from '../../api/client';
import type { Job } from '../../api/job';
import { useJobs } from '../../live/store';
import { JobRow } from './job-row';
import { childrenOf } from './list';

const CHILDREN_MAX = 200;

/** The jobs that a job is made of, one a node. */
export function GroupJobs({ job, now }: { job: Job; now: number }) {
  const live = useJobs();
  const [fetched, setFetched] = useState<readonly Job[]>([]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once more at its end.
  useEffect(() => {
    const request = new AbortController();
    api.jobs({ group: job.id, limit: CHILDREN_MAX }, request.signal).then(
      (page) => setFetched(page.jobs),
      () => {},
    );
    return () => request.abort();
  }, [job.id, job.state]);
  const children = useMemo(() => childrenOf(fetched, live, job.id), [fetched, live, job.id]);
  if (children.length === 0) return null;
  return (
    <section aria-label="Its parts" className="grid grid-cols-1 gap-2">
      <h2 className="text-sm font-semibold">
        {children.length} {children.length === 1 ? 'node' : 'nodes'}
      </h2>
      <ul className="panel">
        {children.map((child) => (
          <JobRow key={child.id} job={child} now={now} />
        ))}
      </ul>
    </section>
  );
}
