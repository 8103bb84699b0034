import { memo } from 'react';
import { Link } from 'wouter';
import { isActive, type Job } from '../../api/job';
import { dayAndClock } from '../../lib/time';
import { StateIcon, stateTone } from '../../ui/job-state';
import { Name } from '../../ui/name';
import { Progress } from '../../ui/progress';
import { jobWords, progressOf, ranFor, since } from './words';

interface Props {
  job: Job;
  /** By the server's clock. */
  now: number;
}

/** One job in a list: what, where, how it stands, when. */
export const JobRow = memo(function JobRow({ job, now }: Props) {
  const progress = progressOf(job);
  const ran = ranFor(job, now);
  const calm = job.state === 'succeeded' || job.state === 'queued' || job.state === 'running';
  return (
    <li
      data-job-id={job.id}
      data-state={job.state}
      className="relative grid grid-cols-[auto_minmax(0,1fr)_auto] items-start gap-x-3 border-b border-line px-4 py-2.5 transition-colors last:border-0 hover:bg-hover"
    >
      <span className="mt-0.5">
        <StateIcon state={job.state} />
      </span>
      <div className="grid min-w-0 gap-0.5">
        <Link
          href={`/jobs/${job.id}`}
          className={`truncate text-sm outline-none after:absolute after:inset-0 focus-visible:after:rounded-sm focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-s1 ${
            isActive(job) ? 'font-semibold' : 'font-medium'
          }`}
        >
          <Name text={job.title} max={160} />
        </Link>
        <p className={`truncate text-xs ${calm ? 'text-faint' : stateTone(job.state)}`}>
          <Name text={jobWords(job)} max={200} />
        </p>
        {progress && (
          <div className="mt-1 max-w-100">
            <Progress {...progress} label="Progress" />
          </div>
        )}
      </div>
      <div className="grid gap-0.5 text-right text-xs text-dim">
        <span title={dayAndClock(job.created_ms)}>{since(job.created_ms, now)}</span>
        <span className="text-faint">{ran ? (isActive(job) ? ran : `took ${ran}`) : ' '}</span>
      </div>
    </li>
  );
});
