import CircleX from 'lucide-react/icons/circle-x';
import X from 'lucide-react/icons/x';
import { Link } from 'wouter';
import type { Job } from '../api/job';
import { displayName } from '../lib/names';
import { markSeen } from '../live/seen';
import { live, useNews } from '../live/store';
import { IconButton } from './button';

const SHOWN_MAX = 3;

/** What failed while one was looking at something else. Stays until it is looked at or put away. */
export function Toasts() {
  const news = useNews();
  const shown = news.slice(-SHOWN_MAX).reverse();
  const more = news.length - shown.length;
  return (
    <section
      aria-label="What has failed"
      aria-live="polite"
      data-screen
      className="pointer-events-none fixed right-3 bottom-17 z-40 grid w-[min(24rem,calc(100vw-1.5rem))] gap-2 md:right-4 md:bottom-4"
    >
      {shown.map((job) => (
        <Toast key={job.id} job={job} />
      ))}
      {more > 0 && (
        <Link
          href="/jobs?state=finished"
          className="pointer-events-auto justify-self-end rounded-sm bg-raised px-2 text-xs text-dim underline underline-offset-2"
        >
          and {more} more
        </Link>
      )}
    </section>
  );
}

function Toast({ job }: { job: Job }) {
  const away = () => {
    markSeen([job.id]);
    live.putAway(job.id);
  };
  return (
    <div
      data-testid="toast"
      className="pointer-events-auto flex items-start gap-3 rounded-lg border border-bad/50 bg-raised py-2.5 pr-1.5 pl-3 shadow-[0_8px_24px_rgb(0_0_0/0.25)]"
    >
      <CircleX size={16} aria-hidden className="mt-0.5 shrink-0 text-bad" />
      <Link href={`/jobs/${job.id}`} className="group min-w-0 flex-1 rounded-sm">
        <span className="block text-sm font-semibold wrap-anywhere group-hover:underline">
          {job.state === 'lost' ? 'Lost: ' : 'Failed: '}
          <bdi>{displayName(job.title, 120)}</bdi>
        </span>
        {job.error && (
          <span className="line-clamp-3 text-xs text-dim wrap-anywhere">
            {displayName(job.error.message, 300)}
          </span>
        )}
      </Link>
      <IconButton label="Put away" onClick={away} className="size-7">
        <X size={14} aria-hidden />
      </IconButton>
    </div>
  );
}
