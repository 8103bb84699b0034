import CircleX from 'lucide-react/icons/circle-x';
import { Link } from 'wouter';
import { forPeople } from '../../lib/for-people';
import { displayName } from '../../lib/names';
import type { FleetNode } from '../../live/fleet';
import { useFailure, useNodeJob } from '../../live/store';
import { useUnseen } from '../../live/unseen';
import { StateIcon } from '../../ui/job-state';
import { jobWords } from './words';

/** Beside a node's name: its last work has failed, and nobody has looked at that yet. */
export function FailedMark({ node }: { node: number }) {
  const failure = useFailure(node);
  const unseen = useUnseen();
  if (!failure || !unseen.has(failure.id)) return null;
  const words = `Failed: ${displayName(failure.title, 80)}: ${displayName(failure.message, 200)}`;
  return (
    <Link
      href={`/jobs/${failure.id}`}
      data-testid="failed-mark"
      title={words}
      className="relative z-1 inline-flex size-5 shrink-0 items-center justify-center rounded-sm text-bad hover:bg-hover"
    >
      <CircleX size={14} aria-hidden />
      <span className="sr-only">{words}</span>
    </Link>
  );
}

/** What is to be said of a node that never reported: what is done there, or what came of it. */
export function PendingWords({ node }: { node: FleetNode }) {
  const job = useNodeJob(node.id);
  const failure = useFailure(node.id);
  const link = 'relative z-1 rounded-sm underline underline-offset-2';
  if (job) {
    return (
      <span className="grid justify-items-center gap-1">
        <Link href={`/jobs/${job.id}`} className={`${link} inline-flex items-center gap-2 text-text`}>
          <StateIcon state={job.state} size={14} />
          {job.kind === 'deploy' ? 'It is being deployed' : displayName(job.title, 60)}
        </Link>
        <span className="text-xs">{displayName(jobWords(job), 80)}</span>
      </span>
    );
  }
  if (failure) {
    return (
      <span className="grid justify-items-center gap-1">
        <Link href={`/jobs/${failure.id}`} data-testid="pending-failed" className={`${link} text-bad`}>
          {failure.kind === 'deploy' ? 'The deployment failed' : 'Its last job failed'}
        </Link>
        <span className="line-clamp-3 text-xs wrap-anywhere">{displayName(failure.message, 160)}</span>
      </span>
    );
  }
  if (node.managed) return 'Not deployed yet: choose “Deploy it anew” in its actions.';
  return 'Commencing countdown. Start the Spider on the machine with the command you were given.';
}

/** At the head of a node's page: what failed last there, with the way to it. */
export function LastFailure({ node }: { node: FleetNode }) {
  const failure = useFailure(node.id);
  const job = useNodeJob(node.id);
  if (!failure || job) return null;
  return (
    <Link
      href={`/jobs/${failure.id}`}
      data-testid="node-failure"
      className="flex w-fit max-w-full items-start gap-2 rounded-md border border-bad/45 bg-bad/8 px-3 py-1.5 text-sm transition hover:bg-hover"
    >
      <CircleX size={14} aria-hidden className="mt-0.75 shrink-0 text-bad" />
      <span className="min-w-0">
        <span className="wrap-anywhere">{displayName(failure.title, 120)} failed</span>
        {failure.message && (
          <span className="line-clamp-2 text-xs text-dim wrap-anywhere">
            {displayName(forPeople(failure.message), 240)}
          </span>
        )}
      </span>
    </Link>
  );
}
