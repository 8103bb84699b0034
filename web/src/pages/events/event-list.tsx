import { useMemo } from 'react';
import { day } from '../../lib/time';
import { DAY_MS } from '../../lib/units';
import { useFleet, useKnownNow } from '../../live/store';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import { Problem } from '../../ui/problem';
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
  const days = useMemo(() => byDay(list.events ?? []), [list.events]);
  if (list.error && !list.events) return <Problem error={list.error} onRetry={list.retry} />;
  if (!list.events) return <p className="late py-12 text-center text-sm text-faint">Looking back…</p>;
  const words = new Map([
    [day(now), 'Today'],
    [day(now - DAY_MS), 'Yesterday'],
  ]);
  return (
    <div className="grid grid-cols-1 gap-4" data-testid="events">
      {list.error && <Problem error={list.error} onRetry={list.retry} />}
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
      {list.more && (
        <Button
          className="justify-self-center"
          disabled={list.loading}
          onClick={list.more}
          data-testid="events-more"
        >
          {list.loading ? 'Loading…' : 'Show older ones'}
        </Button>
      )}
    </div>
  );
}
