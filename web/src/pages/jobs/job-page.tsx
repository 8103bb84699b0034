import ChevronRight from 'lucide-react/icons/chevron-right';
import { lazy, Suspense, useRef, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { api } from '../../api/client';
import { isActive, type Job } from '../../api/job';
import { displayName } from '../../lib/names';
import { dayAndClock } from '../../lib/time';
import { useAccess } from '../../lib/use-access';
import { useAction } from '../../lib/use-action';
import { live, useFleet, useFleetNode, useKnownNow } from '../../live/store';
import { useTitle } from '../../live/title';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import { StateIcon, stateTone, stateWord } from '../../ui/job-state';
import { Name } from '../../ui/name';
import { Problem } from '../../ui/problem';
import { Progress } from '../../ui/progress';
import { StepList } from '../../ui/steps';
import { type OutputHandle, OutputView } from '../../ui/terminal/output-view';
import { GroupJobs } from './group';
import { PackagesResult } from './packages-result';
import { Leftovers } from './result';
import { Standing, Summary } from './summary';
import { useJob } from './use-job';
import { useMayNot } from './use-may';
import { useRetry } from './use-retry';
import { progressOf, ranFor } from './words';

const RetryDialog = lazy(() => import('./retry-dialog'));
const GROUPS = new Set(['upgrade_fleet', 'packages_upgrade_fleet', 'packages_refresh_fleet']);

export default function JobPage({ id }: { id: number }) {
  const { job, error, retry } = useJob(id);
  const { everywhere } = useAccess();
  const [, navigate] = useLocation();
  if (job) return <Present job={job} />;
  if (error?.status === 404) {
    return (
      <Empty title="No such job" line="Ground Control to Major Tom.">
        <p className="text-sm text-dim">
          Old jobs are forgotten after a while
          {everywhere('view') ? '.' : ', and those of other nodes are not shown to you.'}
        </p>
        <Button onClick={() => navigate('/jobs')}>To the jobs</Button>
      </Empty>
    );
  }
  return error ? (
    <div className="max-w-160 p-6">
      <Problem error={error} onRetry={retry} />
    </div>
  ) : (
    <p className="late p-6 text-sm text-faint">Looking for the job…</p>
  );
}

function Present({ job }: { job: Job }) {
  const [, navigate] = useLocation();
  const { skewMs } = useFleet();
  const now = useKnownNow() + skewMs;
  const { busy, refused, act } = useAction();
  const [reason, setReason] = useState('');
  const output = useRef<OutputHandle>(null);
  const active = isActive(job);
  const group = GROUPS.has(job.kind);
  const progress = progressOf(job);
  const mayNot = useMayNot(job);
  const retry = useRetry(job, (next) => navigate(`/jobs/${next.id}`));
  useTitle(displayName(job.title, 60));

  return (
    <div
      data-testid="job"
      data-state={job.state}
      className="mx-auto grid max-w-440 grid-cols-1 gap-4 px-3 py-4 sm:px-6 sm:py-5"
    >
      <header className="grid grid-cols-1 gap-3">
        <nav aria-label="Breadcrumb" className="flex min-w-0 items-center gap-1 text-xs text-faint">
          <Link href="/jobs" className="rounded-sm hover:text-text">
            Jobs
          </Link>
          {job.group != null && (
            <>
              <ChevronRight size={12} aria-hidden />
              <Link href={`/jobs/${job.group}`} className="rounded-sm hover:text-text">
                Part of job {job.group}
              </Link>
            </>
          )}
          <ChevronRight size={12} aria-hidden />
          <span>Job {job.id}</span>
        </nav>
        <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
          <h1 className="min-w-0 text-xl font-semibold wrap-anywhere" data-testid="job-title">
            <Name text={job.title} max={200} />
          </h1>
          <span className={`flex items-center gap-1.5 text-sm ${stateTone(job.state)}`}>
            <StateIcon state={job.state} />
            {job.cancelling && active ? 'Cancelling…' : stateWord(job.state)}
          </span>
          <span className="ml-auto flex gap-2">
            {active && (
              <Button
                data-testid="job-cancel"
                disabled={busy || job.cancelling || !job.can_cancel || mayNot.cancel !== null}
                title={mayNot.cancel ?? (job.can_cancel ? undefined : (job.no_cancel ?? undefined))}
                onClick={() => act(async () => live.putJob(await api.cancelJob(job.id)))}
              >
                Cancel
              </Button>
            )}
            {(job.state === 'failed' || job.state === 'cancelled' || job.state === 'lost') && (
              <Button
                data-testid="job-retry"
                disabled={retry.busy || mayNot.retry !== null}
                title={mayNot.retry ?? undefined}
                onClick={() => void retry.retry()}
              >
                Try again
              </Button>
            )}
          </span>
        </div>
        <Facts job={job} now={now} />
        {progress && <Progress {...progress} label="Progress of the job" />}
        <Standing job={job} />
        {(refused ?? retry.error) && <Problem error={(refused ?? retry.error)!} />}
        <Summary job={job} reason={reason} />
      </header>
      <Leftovers job={job} />
      <PackagesResult job={job} />
      {group && <GroupJobs job={job} now={now} />}
      <div
        className={`grid grid-cols-1 items-start gap-3 ${job.steps.length > 0 ? 'lg:grid-cols-[22rem_minmax(0,1fr)]' : ''}`}
      >
        {job.steps.length > 0 && (
          <section aria-label="Steps" className="panel p-2 lg:max-h-[calc(100dvh-13rem)] lg:overflow-auto">
            <StepList
              steps={job.steps}
              skewMs={skewMs}
              said={job.error?.message}
              compact={job.state === 'failed' || job.state === 'lost' || job.state === 'cancelled'}
              folds
              onPick={(step) => output.current?.goTo(step.from ?? 0)}
            />
          </section>
        )}
        {!(group && job.output_bytes === 0) && (
          <OutputView
            key={job.id}
            job={job.id}
            active={active}
            // What a group says of itself is no reason: the node that failed has that.
            problem={group ? undefined : job}
            onReason={setReason}
            handle={output}
            className={group ? 'h-80' : 'h-[max(20rem,calc(100dvh-13rem))]'}
          />
        )}
      </div>
      <Suspense>{retry.asks && <RetryDialog job={job} onClose={retry.close} />}</Suspense>
    </div>
  );
}

function Facts({ job, now }: { job: Job; now: number }) {
  const node = useFleetNode(job.node ?? -1);
  const name = node?.name ?? job.node_name;
  const ran = ranFor(job, now);
  return (
    <dl className="flex flex-wrap gap-x-6 gap-y-2 text-xs [&_dt]:text-2xs [&_dt]:text-faint">
      {name && (
        <div className="min-w-0 max-w-full">
          <dt>Node</dt>
          <dd className="truncate">
            {node ? (
              <Link href={`/nodes/${node.id}`} className="underline underline-offset-2">
                <Name text={name} max={60} />
              </Link>
            ) : (
              displayName(name, 60)
            )}
          </dd>
        </div>
      )}
      {job.by && (
        <div>
          <dt>Started by</dt>
          <dd className="text-dim">
            <Name text={job.by} max={60} />
          </dd>
        </div>
      )}
      <div>
        <dt>{job.started_ms == null ? 'Queued' : 'Started'}</dt>
        <dd className="text-dim">{dayAndClock(job.started_ms ?? job.created_ms)}</dd>
      </div>
      {ran && (
        <div>
          <dt>{isActive(job) ? 'Running for' : 'Took'}</dt>
          <dd className="text-dim">{ran}</dd>
        </div>
      )}
    </dl>
  );
}
