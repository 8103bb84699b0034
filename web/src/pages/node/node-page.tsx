import { lazy, Suspense } from 'react';
import { useLocation } from 'wouter';
import { displayName } from '../../lib/names';
import { useAccess } from '../../lib/use-access';
import { type FleetNode, shownStatus } from '../../live/fleet';
import { useFleet, useFleetNode, useKnownNow } from '../../live/store';
import { useTitle } from '../../live/title';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import { TabLinks } from '../../ui/tabs';
import { Waiting } from '../../ui/waiting';
import { ChartsTab } from './charts-tab';
import { Header } from './header';
import { keptSearch } from './kept-search';

const PackagesTab = lazy(() => import('../packages/node-tab'));
const EventsTab = lazy(() => import('../events/node-tab'));
const JobsTab = lazy(() => import('./jobs-tab'));

const TABS = ['charts', 'packages', 'jobs', 'events'] as const;
type Tab = (typeof TABS)[number];

interface Props {
  id: number;
  /** From the address: anything. */
  tab: string | undefined;
}

export default function NodePage({ id, tab }: Props) {
  const fleet = useFleet();
  const node = useFleetNode(id);
  const [, navigate] = useLocation();
  const { everywhere } = useAccess();
  if (node) return <Present node={node} tab={TABS.find((known) => known === tab) ?? 'charts'} />;
  if (!fleet.nodes) return <Waiting what="the node" />;
  return (
    <Empty
      title="No such node"
      line="Ground Control to Major Tom: your circuit’s dead, there’s something wrong."
    >
      <p className="text-sm text-dim" data-testid="no-such-node">
        It may have been deleted{everywhere('view') ? '.' : ', or it is not one of those that you may see.'}
      </p>
      <Button onClick={() => navigate('/')}>To the fleet</Button>
    </Empty>
  );
}

function Present({ node, tab }: { node: FleetNode; tab: Tab }) {
  const fleet = useFleet();
  const now = useKnownNow();
  const status = shownStatus(node, now);
  useTitle(displayName(node.name, 40));
  const here = `/nodes/${node.id}`;
  return (
    <div
      className="mx-auto grid max-w-720 grid-cols-1 gap-3 sm:gap-4 px-3 py-4 sm:px-6 sm:py-5"
      data-node-id={node.id}
      data-status={status}
    >
      <Header node={node} status={status} now={now} skewMs={fleet.skewMs} />
      <TabLinks
        label="Parts of the node"
        here={tab}
        tabs={[
          { id: 'charts', label: 'Charts', to: `${here}${keptSearch(node.id)}` },
          { id: 'packages', label: 'Packages', to: `${here}/packages` },
          { id: 'jobs', label: 'Jobs', to: `${here}/jobs` },
          { id: 'events', label: 'Events', to: `${here}/events` },
        ]}
      />
      <Suspense fallback={<p className="late py-8 text-sm text-faint">Loading…</p>}>
        {tab === 'charts' && <ChartsTab node={node} status={status} now={now + fleet.skewMs} />}
        {tab === 'packages' && <PackagesTab node={node} />}
        {tab === 'jobs' && <JobsTab node={node} />}
        {tab === 'events' && <EventsTab node={node} />}
      </Suspense>
    </div>
  );
}
