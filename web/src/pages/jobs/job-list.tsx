import { useFleet, useKnownNow } from '../../live/store';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import { Problem } from '../../ui/problem';
import { JobRow } from './job-row';
import type { JobsView } from './list';
import { useJobList } from './use-job-list';

const NOTHING: Record<JobsView['state'], { title: string; line: string }> = {
  all: { title: 'No jobs yet', line: 'And I’m floating in a most peculiar way.' },
  active: { title: 'Nothing is under way', line: 'I’m feeling very still.' },
  finished: { title: 'Nothing has finished yet', line: 'Time may change me.' },
};

export function JobList({ view }: { view: JobsView }) {
  const list = useJobList(view);
  const { skewMs } = useFleet();
  const now = useKnownNow() + skewMs;
  if (list.error && !list.jobs) return <Problem error={list.error} onRetry={list.retry} />;
  if (!list.jobs) return <p className="late py-12 text-center text-sm text-faint">Looking for jobs…</p>;
  return (
    <div className="grid grid-cols-1 gap-3">
      {list.error && <Problem error={list.error} onRetry={list.retry} />}
      {list.jobs.length === 0 ? (
        <Empty {...NOTHING[view.state]}>
          <p className="max-w-100 text-sm text-dim">
            Deployments, upgrades and package runs are shown here, with every step and all that they print.
          </p>
        </Empty>
      ) : (
        <ul className="panel" aria-label="Jobs">
          {list.jobs.map((job) => (
            <JobRow key={job.id} job={job} now={now} />
          ))}
        </ul>
      )}
      {list.more && (
        <Button
          className="justify-self-center"
          disabled={list.loading}
          onClick={list.more}
          data-testid="jobs-more"
        >
          {list.loading ? 'Loading…' : 'Show older ones'}
        </Button>
      )}
    </div>
  );
}
