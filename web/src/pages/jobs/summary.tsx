import Package from 'lucide-react/icons/package';
import { lazy, Suspense, useState } from 'react';
import { Link } from 'wouter';
import { isActive, type Job } from '../../api/job';
import { forPeople } from '../../lib/for-people';
import { displayName } from '../../lib/names';
import { useAccess } from '../../lib/use-access';
import { useFleetNode, useLiveJob } from '../../live/store';
import { Button } from '../../ui/button';
import { linksOf, saysTheSame } from './ways-on';

const ConnectionDialog = lazy(() => import('../ssh/connection-dialog'));

/** Why it failed, said once, and the ways on from there. `reason`: the line of its output that says it. */
export function Summary({ job, reason }: { job: Job; reason: string }) {
  const node = useFleetNode(job.node ?? -1);
  const [connecting, setConnecting] = useState(false);
  const links = linksOf(job, node !== undefined);
  const { on } = useAccess();
  const { error } = job;
  // Where the output’s own words are shown, that they are there needs no saying.
  const hint = forPeople(error?.hint, error?.cause).replace(reason === '' ? '' : /^See the output\.$/, '');
  const calm = job.state === 'cancelled';
  const ways = (
    <>
      {links.packages && (
        <Link
          href={`/nodes/${job.node}/packages`}
          data-testid="to-packages"
          className="inline-flex h-7 items-center gap-2 rounded-md border border-line-strong bg-raised px-2 text-xs transition hover:bg-hover"
        >
          <Package size={13} aria-hidden />
          {links.packages}
        </Link>
      )}
      {links.connection && node && on(node.managed ? 'operate' : 'administer', node) && (
        <Button small data-testid="to-connection" onClick={() => setConnecting(true)}>
          {links.connection}
        </Button>
      )}
    </>
  );
  return (
    <>
      {error ? (
        <div
          role={calm ? 'status' : 'alert'}
          data-testid="job-error"
          className={`flex flex-wrap items-center gap-x-4 gap-y-2 rounded-md border px-3 py-2 text-sm ${
            calm ? 'border-line bg-panel' : 'border-bad/45 bg-bad/8'
          }`}
        >
          <div className="min-w-0 flex-1 basis-72">
            <p className="font-medium wrap-anywhere">{displayName(error.message, 600)}</p>
            {!calm && reason !== '' && !saysTheSame(reason, error.message) && (
              <p className="mt-1 font-mono text-xs text-text wrap-anywhere" data-testid="job-reason">
                {displayName(reason, 400)}
              </p>
            )}
            {hint && <p className="mt-0.5 text-dim wrap-anywhere">{displayName(hint, 600)}</p>}
          </div>
          <div className="flex flex-wrap gap-2 empty:hidden">{ways}</div>
        </div>
      ) : (
        !isActive(job) && links.packages && <div className="flex flex-wrap gap-2">{ways}</div>
      )}
      <Suspense>
        {connecting && node && <ConnectionDialog node={node} onClose={() => setConnecting(false)} />}
      </Suspense>
    </>
  );
}

/** What a job that has not begun waits for, and why one that runs can't be cancelled. */
export function Standing({ job }: { job: Job }) {
  const before = useLiveJob(job.waits_for ?? -1);
  if (job.state === 'queued') {
    return (
      <p className="text-sm text-dim" data-testid="waits-for">
        {job.waits_for == null ? (
          'Waits for its turn: as many jobs run as may run at the same time.'
        ) : (
          <>
            Waits for{' '}
            <Link href={`/jobs/${job.waits_for}`} className="text-text underline underline-offset-2">
              job {job.waits_for}
            </Link>
            {before ? `, ${displayName(before.title, 80)}` : ''}. A node’s jobs run one after the other.
          </>
        )}
      </p>
    );
  }
  if (job.state !== 'running' || job.can_cancel || !job.no_cancel) return null;
  return (
    <p className="text-sm text-dim wrap-anywhere" data-testid="no-cancel">
      It can’t be cancelled now. {displayName(job.no_cancel, 300)}
    </p>
  );
}
