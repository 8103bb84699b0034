import { useMemo } from 'react';
import { day } from '../../lib/time';
import { DAY_MS } from '../../lib/units';
import { useFleet, useKnownNow } from '../../live/store';
import { Empty } from '../../ui/empty';
import { Paged } from '../../ui/paged';
import { EventRow } from './event-row';
import { byDay, type EventsView } from './list';
import { useEvents } from './use-events';

const NOTHING: Record<EventsView['group'], { title: string; line: string }> = {
  all: { title: 'Nothing has happened yet', line: 'I’m feeling very still.' },
  contact: { title: 'Nobody came or went', line: 'And I think my spaceship knows which way to go.' },
  jobs: { title: 'No job has ended yet', line: 'Time may change me.' },
  changes: { title: 'Nothing was changed', line: 'And the stars look very different today.' },
};

export function EventList({ view, ofOneNode = false }: { view: EventsView; ofOneNode?: boolean }) {
  const list = useEvents(view);
  const { nodes } = useFleet();
  const now = useKnownNow(30_000);
  const days = useMemo(() => byDay(list.events), [list.events]);
  const words = new Map([
    [day(now), 'Today'],
    [day(now - DAY_MS), 'Yesterday'],
  ]);
  return (
    <Paged list={list} waiting="Looking back…" testId="events">
      {days.length === 0 && (
        <Empty {...NOTHING[view.group]}>
          <p className="max-w-100 text-sm text-dim">
            Nodes that come and go, gaps, reboots, ends of jobs and changes of the fleet are noted here.
          </p>
        </Empty>
      )}
      {days.map((one) => (
        <section key={one.day} aria-label={words.get(one.day) ?? one.day}>
          <h2 className="mb-1.5 px-1 text-xs font-semibold text-dim">{words.get(one.day) ?? one.day}</h2>
          <ul className="panel">
            {one.events.map((event) => (
              <EventRow
                key={event.id}
                event={event}
                name={event.node === null ? undefined : nodes?.get(event.node)?.name}
                ofOneNode={ofOneNode}
              />
            ))}
          </ul>
        </section>
      ))}
    </Paged>
  );
}
