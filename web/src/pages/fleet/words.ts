import { age } from '../../lib/units';
import type { FleetNode, ShownStatus } from '../../live/fleet';

/** The state of a node in a few words, with since when. */
export function stateWords(node: FleetNode, status: ShownStatus, now: number, skewMs: number): string {
  const since = node.since_ms != null ? age(now + skewMs - node.since_ms) : null;
  switch (status) {
    case 'online':
      return 'Online';
    case 'stale':
      return `Stale for ${age(now - (node.heardAt ?? now))}`;
    case 'offline':
      return since ? `Offline for ${since}` : 'Offline';
    case 'pending':
      return 'Pending';
  }
}
