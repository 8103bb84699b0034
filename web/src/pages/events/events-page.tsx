import { useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { useFleet } from '../../live/store';
import { useTitle } from '../../live/title';
import { OneNode } from '../../ui/one-node';
import { Segmented } from '../../ui/segmented';
import { EventList } from './event-list';
import { type EventsView, eventsViewSearch, parseEventsView } from './list';

const SHOWN = [
  { id: 'all', label: 'All' },
  { id: 'contact', label: 'Contact' },
  { id: 'jobs', label: 'Jobs' },
  { id: 'changes', label: 'Changes' },
] as const;

export default function EventsPage() {
  const searchText = useSearch();
  const [, navigate] = useLocation();
  const view = useMemo(() => parseEventsView(searchText), [searchText]);
  const { nodes } = useFleet();
  const change = (part: Partial<EventsView>) =>
    navigate(`/events${eventsViewSearch({ ...view, ...part })}`, { replace: true });
  useTitle('Events');
  return (
    <div className="mx-auto grid max-w-280 grid-cols-1 gap-4 px-3 py-4 sm:px-6 sm:py-5">
      <div className="flex flex-wrap items-center gap-2">
        <h1 className="mr-auto text-xl font-semibold">Events</h1>
        {view.node !== null && (
          <OneNode
            id={view.node}
            name={nodes?.get(view.node)?.name}
            what="events"
            testId="events-node"
            onAll={() => change({ node: null })}
          />
        )}
        <Segmented
          legend="Show"
          choices={SHOWN}
          value={view.group}
          testId="events"
          onChange={(group) => change({ group })}
        />
      </div>
      <EventList key={`${view.group}/${view.node}`} view={view} ofOneNode={view.node !== null} />
    </div>
  );
}
