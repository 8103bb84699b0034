import { useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { useFleet } from '../../live/store';
import { useTitle } from '../../live/title';
import { OneNode } from '../../ui/one-node';
import { Segmented } from '../../ui/segmented';
import { JobList } from './job-list';
import { type JobsView, jobsViewSearch, parseJobsView } from './list';

const STATES = [
  { id: 'all', label: 'All' },
  { id: 'active', label: 'Under way' },
  { id: 'finished', label: 'Finished' },
] as const;

export default function JobsPage() {
  const searchText = useSearch();
  const [, navigate] = useLocation();
  const view = useMemo(() => parseJobsView(searchText), [searchText]);
  const { nodes } = useFleet();
  const change = (part: Partial<JobsView>) =>
    navigate(`/jobs${jobsViewSearch({ ...view, ...part })}`, { replace: true });
  useTitle('Jobs');
  return (
    <div className="mx-auto grid max-w-280 grid-cols-1 gap-4 px-3 py-4 sm:px-6 sm:py-5">
      <div className="flex flex-wrap items-center gap-2">
        <h1 className="mr-auto text-xl font-semibold">Jobs</h1>
        {view.node !== null && (
          <OneNode
            id={view.node}
            name={nodes?.get(view.node)?.name}
            what="jobs"
            testId="jobs-node"
            onAll={() => change({ node: null })}
          />
        )}
        <Segmented
          legend="Show"
          choices={STATES}
          value={view.state}
          testId="jobs"
          onChange={(state) => change({ state })}
        />
      </div>
      <JobList key={`${view.state}/${view.node}`} view={view} />
    </div>
  );
}
