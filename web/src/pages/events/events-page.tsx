import { useMemo } from 'react';
import { useLocation, useSearch } from 'wouter';
import { ListPage } from '../../ui/list-page';
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
  const change = (part: Partial<EventsView>) =>
    navigate(`/events${eventsViewSearch({ ...view, ...part })}`, { replace: true });
  return (
    <ListPage
      title="Events"
      what="events"
      node={view.node}
      choices={SHOWN}
      value={view.group}
      onAllNodes={() => change({ node: null })}
      onChange={(group) => change({ group })}
    >
      <EventList key={`${view.group}/${view.node}`} view={view} ofOneNode={view.node !== null} />
    </ListPage>
  );
}
