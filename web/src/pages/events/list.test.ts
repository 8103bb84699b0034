import { describe, expect, test } from 'vitest';
import type { FleetEvent } from '../../api/events';
import { byDay, eventsViewSearch, fits, linkOf, parseEventsView, toneOf } from './list';

const event = (id: number, more: Partial<FleetEvent> = {}): FleetEvent => ({
  id,
  time_ms: id * 1000,
  node: 1,
  node_name: 'pi4',
  kind: 'online',
  text: 'Online',
  detail: {},
  ...more,
});
const ids = (events: readonly FleetEvent[]) => events.map((one) => one.id);

describe('the view in the address', () => {
  test('comes back as it was', () => {
    for (const search of ['', '?show=contact', '?show=jobs&node=3']) {
      expect(eventsViewSearch(parseEventsView(search))).toBe(search);
    }
  });
  test.each(['?show=toString', '?show=__proto__&node=-1', '?node=1e99', '?node=<b>'])(
    '%s is refused',
    (search) => {
      expect(parseEventsView(search)).toEqual({ group: 'all', node: null });
    },
  );
});

test('what is told live is shown where it fits', () => {
  const all = parseEventsView('');
  expect(fits(event(1, { node: null, kind: 'of a later release' }), all)).toBe(true);
  expect(fits(event(1), { ...all, node: 2 })).toBe(false);
  expect(fits(event(1, { node: null }), { ...all, node: 2 })).toBe(false);
  expect(fits(event(1), { group: 'contact', node: 1 })).toBe(true);
  expect(fits(event(1, { kind: 'added' }), { group: 'contact', node: 1 })).toBe(false);
});

test('days are told apart in the order of the list', () => {
  const noon = new Date(2026, 0, 2, 12).getTime();
  const days = byDay([
    event(3, { time_ms: noon }),
    event(2, { time_ms: noon - 3_600_000 }),
    event(1, { time_ms: noon - 86_400_000 }),
  ]);
  expect(days.map((one) => [one.day, ids(one.events)])).toEqual([
    ['2026-01-02', [3, 2]],
    ['2026-01-01', [1]],
  ]);
});

test('an event leads to its job, or to the charts around its gap', () => {
  expect(linkOf(event(1))).toBeNull();
  expect(linkOf(event(1, { kind: 'job', detail: { job: 7 } }))?.to).toBe('/jobs/7');
  expect(linkOf(event(1, { kind: 'job', detail: { job: '../..' } }))).toBeNull();
  expect(linkOf(event(1, { kind: 'gap', detail: { from: 1_000_000, to: 1_010_000 } }))?.to).toBe(
    '/nodes/1?from=940000&to=1070000',
  );
  expect(linkOf(event(1, { kind: 'gap', detail: null }))).toBeNull();
});

test('only trouble is loud', () => {
  expect(toneOf(event(1, { kind: 'offline' }))).toBe('bad');
  expect(toneOf(event(1, { kind: 'job', detail: { state: 'failed' } }))).toBe('bad');
  expect(toneOf(event(1, { kind: 'added' }))).toBe('calm');
  expect(toneOf(event(1, { kind: 'of a later release' }))).toBe('calm');
});
