import { lazy, Suspense } from 'react';
import { useLocation } from 'wouter';
import { api } from '../../api/client';
import { isActive, type Job } from '../../api/job';
import { forPeople } from '../../lib/for-people';
import { displayName } from '../../lib/names';
import { useAction } from '../../lib/use-action';
import { useOutput } from '../../live/follow';
import { live, useFleet, useFleetNode } from '../../live/store';
import { Button } from '../../ui/button';
import { Problem } from '../../ui/problem';
import { Sparkline } from '../../ui/sparkline';
import { StatusDot } from '../../ui/status';
import { StepList } from '../../ui/steps';
import { StepOutput } from '../../ui/terminal/step-output';
import { Standing } from '../jobs/summary';
import { useJob } from '../jobs/use-job';
import { useMayNot } from '../jobs/use-may';
import { useRetry } from '../jobs/use-retry';
import { ranFor } from '../jobs/words';

const RetryDialog = lazy(() => import('../jobs/retry-dialog'));

interface Props {
  job: Job;
  node: number;
  onRetried(job: Job): void;
  /** Back to where and who; null when there is no way back. */
  onBack: (() => void) | null;
  onClose(): void;
}

/** A deployment under way, step by step, until the node's first line is drawn. */
export function DeployView({ job: started, node: nodeId, onRetried, onBack, onClose }: Props) {
  const [, navigate] = useLocation();
  const job = useJob(started.id).job ?? started;
  const { skewMs } = useFleet();
  const node = useFleetNode(nodeId);
  const active = isActive(job);
  const { log } = useOutput(job.id, active);
  const { busy, refused, act } = useAction();
  const retry = useRetry(job, onRetried);
  const mayNot = useMayNot(job);
  const online = job.state === 'succeeded' && node?.status === 'online';

  const steps = (
    <StepList
      steps={job.steps}
      skewMs={skewMs}
      compact
      said={job.error?.message}
      folds={active}
      output={(step) => <StepOutput log={log} step={step} job={job.id} />}
    />
  );
  return (
    <div className="grid gap-4" data-testid="deploy" data-state={job.state}>
      {job.state === 'succeeded' ? (
        <details>
          <summary className="w-fit rounded-sm text-sm text-dim hover:text-text">
            {job.steps.length} steps, took {ranFor(job, 0)}
          </summary>
          <div className="-mx-2 mt-2">{steps}</div>
        </details>
      ) : (
        <div className="-mx-2">{steps}</div>
      )}
      {job.error && (
        <div
          role={job.state === 'cancelled' ? 'status' : 'alert'}
          className={`rounded-md border px-3 py-2 text-sm ${job.state === 'cancelled' ? 'border-line' : 'border-bad/45 bg-bad/8'}`}
        >
          <p className="font-medium wrap-anywhere">{displayName(job.error.message, 600)}</p>
          {forPeople(job.error.hint, job.error.cause) && (
            <p className="mt-0.5 text-dim wrap-anywhere">
              {displayName(forPeople(job.error.hint, job.error.cause), 600)}
            </p>
          )}
        </div>
      )}
      <Standing job={job} />
      {retry.error && <Problem error={retry.error} />}
      {refused && <Problem error={refused} />}
      {job.state === 'succeeded' && (
        <div
          role="status"
          data-testid="deploy-node"
          data-status={node?.status ?? 'pending'}
          className="flex min-h-14 items-center gap-3 rounded-md border border-line bg-ink px-3 py-2"
        >
          <StatusDot status={online ? 'online' : 'pending'} />
          <span className="text-sm">
            {online
              ? 'Here am I, floating in my tin can: it is online.'
              : 'Installed. Waiting for its first numbers…'}
          </span>
          {online && (
            <span className="ml-auto w-28 shrink-0">
              <Sparkline spark={node?.spark} className="h-7" />
            </span>
          )}
        </div>
      )}
      <div className="flex flex-wrap justify-end gap-2">
        {active && job.can_cancel && (
          <Button
            look="quiet"
            data-testid="deploy-cancel"
            disabled={busy || job.cancelling || mayNot.cancel !== null}
            title={mayNot.cancel ?? undefined}
            onClick={() => act(async () => live.putJob(await api.cancelJob(job.id)))}
          >
            {job.cancelling ? 'Cancelling…' : 'Cancel the deployment'}
          </Button>
        )}
        {active && <Button onClick={onClose}>Close, it goes on</Button>}
        {!active && job.state !== 'succeeded' && (
          <>
            <Button look="quiet" onClick={onClose}>
              Close
            </Button>
            {onBack && <Button onClick={onBack}>Change the details</Button>}
            <Button
              look="primary"
              data-testid="deploy-retry"
              disabled={retry.busy || mayNot.retry !== null}
              title={mayNot.retry ?? undefined}
              onClick={() => void retry.retry()}
            >
              Try again
            </Button>
          </>
        )}
        {job.state === 'succeeded' && (
          <>
            <Button look="quiet" onClick={onClose}>
              Close
            </Button>
            <Button look="primary" data-testid="deploy-open" onClick={() => navigate(`/nodes/${nodeId}`)}>
              Open {displayName(node?.name ?? 'the node', 24)}
            </Button>
          </>
        )}
      </div>
      <Suspense>
        {retry.asks && <RetryDialog job={job} onStarted={onRetried} onClose={retry.close} />}
      </Suspense>
    </div>
  );
}
