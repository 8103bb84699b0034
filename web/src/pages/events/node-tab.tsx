import { useMemo } from 'react';
import type { FleetNode } from '../../live/fleet';
import { EventList } from './event-list';

export default function EventsTab({ node }: { node: FleetNode }) {
  const view = useMemo(() => ({ group: 'all', node: node.id }) as const, [node.id]);
  return <EventList view={view} ofOneNode />;
}
