import type { EventKind, FleetEvent } from '../../api/events';
import { day } from '../../lib/time';
import { nodeOf } from '../../lib/url-state';

/** Kinds by what a person looks for. */
export const GROUPS = {
  all: [],
  contact: ['online', 'offline', 'gap', 'rebooted'],
  jobs: ['job', 'spider'],
  changes: [
    'added',
    'renamed',
    'removed',
    'host_key',
    'token',
    'token_in_use',
    'started',
    'stopped',
    'sign_in_failed',
    'clock_doubted',
    'clock_settled',
  ],
} as const satisfies Record<string, readonly EventKind[]>;
export type Group = keyof typeof GROUPS;

export interface EventsView {
  group: Group;
  node: number | null;
}

export function parseEventsView(search: string): EventsView {
  const params = new URLSearchParams(search);
  const group = params.get('show') ?? 'all';
  return {
    group: Object.hasOwn(GROUPS, group) ? (group as Group) : 'all',
    node: nodeOf(params),
  };
}

export function eventsViewSearch(view: EventsView): string {
  const params = new URLSearchParams();
  if (view.group !== 'all') params.set('show', view.group);
  if (view.node !== null) params.set('node', String(view.node));
  const text = params.toString();
  return text ? `?${text}` : '';
}

const KINDS: Record<Group, readonly string[]> = GROUPS;

export function fits(event: FleetEvent, { group, node }: EventsView): boolean {
  if (node !== null && event.node !== node) return false;
  return group === 'all' || KINDS[group].includes(event.kind);
}

/** By days, for headings. */
export function byDay(events: readonly FleetEvent[]): { day: string; events: FleetEvent[] }[] {
  const days: { day: string; events: FleetEvent[] }[] = [];
  for (const event of events) {
    const of = day(event.time_ms);
    const last = days.at(-1);
    if (last?.day === of) last.events.push(event);
    else days.push({ day: of, events: [event] });
  }
  return days;
}

export type Tone = 'ok' | 'bad' | 'warn' | 'calm';

/** What needs a person stands out; the rest stays in the background. */
export function toneOf(event: FleetEvent): Tone {
  switch (event.kind) {
    case 'offline':
      return 'bad';
    case 'online':
      return 'ok';
    case 'gap':
    case 'rebooted':
    case 'host_key':
    case 'sign_in_failed':
    case 'clock_doubted':
      return 'warn';
    case 'started':
      return event.detail?.after_a_fall === true ? 'warn' : 'calm';
    case 'job':
      return event.detail?.state === 'succeeded' ? 'ok' : event.detail?.state === 'failed' ? 'bad' : 'warn';
    default:
      return 'calm';
  }
}

/** Where an event leads to: its job, or the charts around a gap. */
export function linkOf(event: FleetEvent): { to: string; label: string } | null {
  const { detail } = event;
  if (event.kind === 'job' && typeof detail?.job === 'number') {
    return { to: `/jobs/${detail.job}`, label: 'Open the job' };
  }
  if (event.kind === 'gap' && event.node !== null) {
    const { from, to } = detail ?? {};
    if (typeof from === 'number' && typeof to === 'number' && to > from) {
      const around = Math.max(60_000, (to - from) / 2);
      const search = new URLSearchParams({
        from: String(Math.round(from - around)),
        to: String(Math.round(to + around)),
      });
      return { to: `/nodes/${event.node}?${search}`, label: 'Show in the charts' };
    }
  }
  return null;
}
