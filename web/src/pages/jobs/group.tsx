import { useEffect, useMemo, useState } from 'react';
import { api } from '../../api/client';
import type { Job } from '../../api/job';
import { displayName } from '../../lib/names';
import { useJobs } from '../../live/store';
import { StateIcon } from '../../ui/job-state';
import { groupOf } from './group-result';
import { JobRow } from './job-row';
import { childrenOf } from './list';
import { saysTheSame } from './ways-on';

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
  const { waves, stopped, rules, leftOut } = groupOf(job);
  if (children.length === 0 && waves.length === 0) return null;
  return (
    <section aria-label="Its parts" className="grid grid-cols-1 gap-2">
      {stopped && !saysTheSame(stopped.replace(/^Stopped: /, ''), job.error?.message) && (
        <div role="alert" className="rounded-md border border-warn/45 bg-warn/8 px-3 py-2 text-sm">
          <p className="font-medium wrap-anywhere">{displayName(stopped, 300)}</p>
        </div>
      )}
      {leftOut.length > 0 && (
        <div className="rounded-md border border-warn/45 bg-warn/8 px-3 py-2 text-sm">
          <p className="font-medium">
            {leftOut.length === 1 ? 'One node was left out' : `${leftOut.length} nodes were left out`}
          </p>
          <ul className="mt-1 grid gap-0.5 text-xs text-dim">
            {leftOut.map((one) => (
              <li key={one.name} className="wrap-anywhere">
                <span className="text-text">{displayName(one.name, 60)}</span>:{' '}
                {displayName(one.message, 300)}
              </li>
            ))}
          </ul>
        </div>
      )}
      {waves.length > 1 && (
        <ol className="flex flex-wrap gap-2">
          {waves.map((wave, index) => (
            <li
              // biome-ignore lint/suspicious/noArrayIndexKey: a wave is its place in the row.
              key={index}
              className={`flex items-center gap-2 rounded-md border px-3 py-1.5 text-sm ${wave.state === 'running' ? 'border-s1/50' : 'border-line'}`}
            >
              <StateIcon state={wave.state} size={14} />
              Wave {index + 1}
              <span className="text-xs text-faint">
                {wave.nodes === 1 ? '1 node' : `${wave.nodes} nodes`}
              </span>
            </li>
          ))}
        </ol>
      )}
      <h2 className="text-sm font-semibold">
        {children.length} {children.length === 1 ? 'node' : 'nodes'}
      </h2>
      <ul className="panel">
        {children.map((child) => (
          <JobRow key={child.id} job={child} now={now} />
        ))}
      </ul>
      {rules.length > 0 && (
        <ul className="grid gap-0.5 text-xs text-faint">
          {rules.map((rule) => (
            <li key={rule}>{displayName(rule, 200)}</li>
          ))}
        </ul>
      )}
    </section>
  );
}
