import { useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { ListPage } from '../../ui/list-page';
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
  const change = (part: Partial<JobsView>) =>
    navigate(`/jobs${jobsViewSearch({ ...view, ...part })}`, { replace: true });
  return (
    <ListPage
      title="Jobs"
      what="jobs"
      node={view.node}
      choices={STATES}
      value={view.state}
      onAllNodes={() => change({ node: null })}
      onChange={(state) => change({ state })}
    >
      <JobList key={`${view.state}/${view.node}`} view={view} />
    </ListPage>
  );
}
