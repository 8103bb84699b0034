import X from 'lucide-react/icons/x';
import { useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { displayName } from '../../lib/series-key';
import { useFleet } from '../../live/store';
import { useTitle } from '../../live/title';
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
  const node = view.node === null ? null : nodes?.get(view.node);
  return (
    <div className="mx-auto grid max-w-280 grid-cols-1 gap-4 px-3 py-4 sm:px-6 sm:py-5">
      <div className="flex flex-wrap items-center gap-2">
        <h1 className="mr-auto text-xl font-semibold">Jobs</h1>
        {view.node !== null && (
          <button
            type="button"
            data-testid="jobs-node"
            onClick={() => change({ node: null })}
            className="inline-flex h-8 max-w-60 items-center gap-2 rounded-md border border-line-strong px-3 text-sm transition hover:bg-hover pointer-coarse:h-10"
            title="Show the jobs of all nodes"
          >
            <span className="truncate">{node ? displayName(node.name, 40) : `Node ${view.node}`}</span>
            <X size={14} aria-hidden className="shrink-0 text-faint" />
            <span className="sr-only">: show the jobs of all nodes</span>
          </button>
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
