import { expect, it } from 'vitest';
import type { FleetNode } from '../../live/fleet';
import { parseTags } from './parse-tags';
import { matches, orderOf, rowsFor, shortOs } from './rows';
import { countWaiting } from './use-waiting';

function node(id: number, name: string, part: Partial<FleetNode> = {}): FleetNode {
  return {
    id,
    name,
    tags: [],
    status: 'online',
    heardAt: 1_000,
    turnMs: 0,
    interval_ms: 1_000,
    sparkCount: 0,
    ...part,
  };
}
const fleet = [
  node(1, 'pi10', { summary: { cpu_percent: 10, load_1m: 8, cores: 16 }, tags: ['home'] }),
  node(2, 'pi9', { summary: { cpu_percent: 90, load_1m: 1, cores: 1 } }),
  node(3, 'new', { status: 'pending', summary: null }),
  node(4, 'gone', {
    status: 'offline',
    summary: { cpu_percent: 0 },
    identity: { os: 'Debian GNU/Linux 12' },
  }),
];

it('orders names as people count', () => {
  expect(orderOf(fleet, 'name', false, 1_000)).toEqual([4, 3, 2, 1]);
});
it('puts nodes without a value last in both directions, and zero is a value', () => {
  const idle = [...fleet, node(5, 'idle', { summary: { cpu_percent: 0 } })];
  expect(orderOf(idle, 'cpu', true, 1_000)).toEqual([2, 1, 5, 4, 3]);
  expect(orderOf(idle, 'cpu', false, 1_000)).toEqual([5, 1, 2, 4, 3]);
});
it('ranks no node by what it said before it was lost, in any column', () => {
  const summary = {
    ...{ cpu_percent: 99, mem_used_bytes: 9, mem_total_bytes: 10, disk_percent: 99, temp_celsius: 99 },
    ...{ net_rx_bytes_per_s: 99, net_tx_bytes_per_s: 99, load_1m: 99, cores: 1, uptime_ms: 99 },
  };
  const lower = Object.fromEntries(Object.entries(summary).map(([name, value]) => [name, value / 2]));
  const lost = node(1, 'lost', { status: 'offline', summary });
  const stale = node(2, 'stale', { summary, heardAt: 1_000 });
  const here = node(3, 'with us', { summary: lower, heardAt: 60_000 });
  for (const sort of ['cpu', 'mem', 'disk', 'rx', 'tx', 'load', 'temp', 'uptime'] as const) {
    for (const descending of [true, false]) {
      expect(orderOf([lost, stale, here], sort, descending, 60_000), sort).toEqual([3, 1, 2]);
    }
  }
});
it('weighs load against cores', () => {
  expect(orderOf(fleet, 'load', true, 1_000).slice(0, 2)).toEqual([2, 1]);
});
it('shows trouble first by state', () => {
  expect(orderOf(fleet, 'state', false, 1_000)).toEqual([4, 3, 2, 1]);
});
it('filters by state and words, and forgets nodes that are gone', () => {
  const map = new Map(fleet.map((one) => [one.id, one]));
  const ids = (filter: 'all' | 'offline' | 'stale', query: string, now = 1_000) =>
    rowsFor(map, [1, 2, 3, 4, 99], { filter, query }, now).map((row) => row.node.id);
  expect(ids('all', '')).toEqual([1, 2, 3, 4]);
  expect(ids('offline', '')).toEqual([4]);
  expect(ids('stale', '', 60_000)).toEqual([1, 2]);
  expect(ids('all', ' PI  home ')).toEqual([1]);
});
it('filters Spiders of another version', () => {
  const old = node(5, 'old', { spider_version: '0.0.9' });
  const map = new Map([old, node(6, 'new', { spider_version: '0.1.0' })].map((one) => [one.id, one]));
  const rows = rowsFor(map, [5, 6], { filter: 'outdated', query: '' }, 1_000, '0.1.0');
  expect(rows.map((row) => row.node.id)).toEqual([5]);
});
it('filters by what waits on a node, as far as that is known', () => {
  const on = (id: number, upgradable: number, security: number | null, reboot_required: boolean | null) => ({
    ...{ node: id, name: String(id), manager: 'apt', as_of_ms: 1, held: 0, services: 0, repair: 0 },
    ...{ error: null, job: null, upgradable, security, reboot_required },
  });
  const waiting = new Map(
    [on(1, 3, 2, true), on(2, 4, null, null), on(3, 0, 0, false)].map((one) => [one.node, one]),
  );
  const map = new Map(fleet.map((one) => [one.id, one]));
  const ids = (filter: 'updates' | 'security' | 'reboot', known: typeof waiting | null = waiting) =>
    rowsFor(map, [1, 2, 3, 4], { filter, query: '' }, 1_000, '', known).map((row) => row.node.id);
  expect(ids('updates')).toEqual([1, 2]);
  expect(ids('security')).toEqual([1]);
  expect(ids('reboot')).toEqual([1]);
  expect(ids('updates', null)).toEqual([]);
  expect(countWaiting(new Map([[1, { ...waiting.get(1)!, as_of_ms: null }]]))).toBeNull();
  expect(countWaiting(waiting)).toEqual({ updates: 2, security: 1, reboot: 1 });
});
it('finds by what the machine is', () => {
  expect(matches(fleet[3]!, 'debian')).toBe(true);
  expect(matches(fleet[3]!, 'fedora')).toBe(false);
});
it('reads tags and short names of systems', () => {
  expect(parseTags(' home, ,web,home ')).toEqual(['home', 'web']);
  expect(shortOs('Debian GNU/Linux 12 (bookworm)')).toBe('Debian 12');
  expect(shortOs('Alpine Linux v3.20')).toBe('Alpine Linux v3.20');
  expect(shortOs('')).toBeNull();
});
