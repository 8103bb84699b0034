import { useMemo } from 'react';
import type { FleetNode } from '../../live/fleet';
import { JobList } from '../jobs/job-list';

export default function JobsTab({ node }: { node: FleetNode }) {
  const view = useMemo(() => ({ state: 'all', node: node.id }) as const, [node.id]);
  return <JobList view={view} />;
}
