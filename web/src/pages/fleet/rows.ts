import type { Summary } from '../../api/types';
import type { FleetView, Sort } from '../../lib/url-state';
import { type FleetNode, type ShownStatus, shownStatus, upgradeOf } from '../../live/fleet';
import { ratioPercent } from '../../ui/meter';
import { fits, parseQuery } from './query';
import { type Waiting, waits } from './use-waiting';

/** A node as the fleet shows it: its state worked out once per turn. */
export interface Row {
  node: FleetNode;
  status: ShownStatus;
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
/** What needs a person comes first. */
const STATE_ORDER: Record<ShownStatus, number> = { offline: 0, stale: 1, pending: 2, online: 3 };

export function matches(node: FleetNode, query: string): boolean {
  return fits(node, parseQuery(query));
}

/** Load for each core: 1 is a machine with just as much to do as it can. */
export function loadPerCore(summary: Summary | null | undefined): number | null {
  return summary?.load_1m != null ? summary.load_1m / (summary.cores || 1) : null;
}

/**
 * What a column shows of a node now. Null where that is nothing: what a node said before it was lost is shown
 * grey, and says nothing about who has most to do at this moment.
 */
function sortValue(row: Row, sort: Sort): number | null | undefined {
  if (sort === 'state') return STATE_ORDER[row.status];
  const summary = row.status === 'online' ? row.node.summary : null;
  switch (sort) {
    case 'cpu':
      return summary?.cpu_percent;
    case 'mem':
      return ratioPercent(summary?.mem_used_bytes, summary?.mem_total_bytes);
    case 'disk':
      return summary?.disk_percent;
    case 'rx':
      return summary?.net_rx_bytes_per_s;
    case 'tx':
      return summary?.net_tx_bytes_per_s;
    case 'load':
      return loadPerCore(summary);
    case 'temp':
      return summary?.temp_celsius;
    case 'uptime':
      return summary?.uptime_ms;
    default:
      return null;
  }
}

/** All ids in the order of a column. Nodes without a value of now come last, whichever the direction. */
export function orderOf(nodes: Iterable<FleetNode>, sort: Sort, descending: boolean, now: number): number[] {
  const sign = descending ? -1 : 1;
  const keyed = Array.from(nodes, (node) => ({
    node,
    value: sortValue({ node, status: shownStatus(node, now) }, sort) ?? null,
  }));
  const byName = (a: FleetNode, b: FleetNode) => collator.compare(a.name, b.name) || a.id - b.id;
  keyed.sort((a, b) => {
    if (sort === 'name') return sign * byName(a.node, b.node);
    if (a.value === null || b.value === null) {
      return a.value === b.value ? byName(a.node, b.node) : a.value === null ? 1 : -1;
    }
    return sign * (a.value - b.value) || byName(a.node, b.node);
  });
  return keyed.map(({ node }) => node.id);
}

/** What the view asks for, in an order worked out before. */
export function rowsFor(
  nodes: ReadonlyMap<number, FleetNode>,
  order: readonly number[],
  view: Pick<FleetView, 'filter' | 'query'>,
  now: number,
  version = '',
  waiting: Waiting | null = null,
): Row[] {
  const rows: Row[] = [];
  const query = parseQuery(view.query);
  for (const id of order) {
    const node = nodes.get(id);
    if (!node) continue;
    const status = shownStatus(node, now);
    if (view.filter === 'outdated') {
      if (!upgradeOf(node, version)) continue;
    } else if (view.filter === 'updates' || view.filter === 'security' || view.filter === 'reboot') {
      if (!waits(view.filter, waiting?.get(id))) continue;
    } else if (view.filter !== 'all' && status !== view.filter) continue;
    if (fits(node, query)) rows.push({ node, status });
  }
  return rows;
}

/** `Debian GNU/Linux 12 (bookworm)` is long for a card: `Debian 12`. */
export function shortOs(os: string | null | undefined): string | null {
  if (!os) return null;
  return (
    os
      .replace(/\s*GNU\/Linux/i, '')
      .replace(/\s*\([^)]*\)\s*$/, '')
      .trim() || null
  );
}
