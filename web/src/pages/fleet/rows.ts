import type { FleetView, Sort } from '../../lib/url-state';
import { type FleetNode, type ShownStatus, shownStatus } from '../../live/fleet';
import { ratioPercent } from '../../ui/meter';

/** A node as the fleet shows it: its state worked out once per turn. */
export interface Row {
  node: FleetNode;
  status: ShownStatus;
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });
/** What needs a person comes first. */
const STATE_ORDER: Record<ShownStatus, number> = { offline: 0, stale: 1, pending: 2, online: 3 };

export function matches(node: FleetNode, query: string): boolean {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const id = node.identity;
  const text = [
    node.name,
    ...node.tags,
    node.address,
    id?.hostname,
    id?.os,
    id?.kernel,
    id?.arch,
    id?.cpu_model,
    id?.board,
  ]
    .filter(Boolean)
    .join('\n')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

function sortValue(row: Row, sort: Sort): number | null | undefined {
  const summary = row.node.summary;
  switch (sort) {
    case 'state':
      return STATE_ORDER[row.status];
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
      return summary?.load_1m != null ? summary.load_1m / (summary.cores || 1) : null;
    case 'temp':
      return summary?.temp_celsius;
    case 'uptime':
      return summary?.uptime_ms;
    default:
      return null;
  }
}

/** Filtered and in order. Nodes without a value for the chosen column come last, whichever the direction. */
export function rowsFor(nodes: Iterable<FleetNode>, view: FleetView, now: number): Row[] {
  const rows: Row[] = [];
  for (const node of nodes) {
    const status = shownStatus(node, now);
    if (view.filter !== 'all' && status !== view.filter) continue;
    if (!matches(node, view.query)) continue;
    rows.push({ node, status });
  }
  const sign = view.descending ? -1 : 1;
  const byName = (a: Row, b: Row) => collator.compare(a.node.name, b.node.name) || a.node.id - b.node.id;
  if (view.sort === 'name') return rows.sort((a, b) => sign * byName(a, b));
  const keyed = rows.map((row) => ({ row, value: sortValue(row, view.sort) ?? null }));
  keyed.sort((a, b) => {
    if (a.value === null || b.value === null) {
      return a.value === b.value ? byName(a.row, b.row) : a.value === null ? 1 : -1;
    }
    return sign * (a.value - b.value) || byName(a.row, b.row);
  });
  return keyed.map(({ row }) => row);
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
