import { useFleet, useKnownNow } from '../../live/store';
import { markSeen, useUnseen } from '../../live/unseen';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import { Paged } from '../../ui/paged';
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
  const unseen = useUnseen();
  return (
    <>
      {unseen.size > 0 && (
        <div className="mb-3 flex flex-wrap items-center gap-x-4 gap-y-2 text-sm" data-testid="unseen">
          <p className="mr-auto text-bad">
            {unseen.size === 1 ? 'One job has failed' : `${unseen.size} jobs have failed`} that nobody has
            looked at here.
          </p>
          <Button small onClick={() => markSeen(unseen)}>
            {unseen.size === 1 ? 'I have seen it' : 'I have seen them'}
          </Button>
        </div>
      )}
      <Paged list={list} waiting="Looking for jobs…" testId="jobs">
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
      </Paged>
    </>
  );
}
