import { displayName } from '../../lib/names';
import { age, bytes, counted, load } from '../../lib/units';
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

/** All that a card or a row has no room for, line by line: what its tooltip says. */
export function aboutNode(node: FleetNode, status: ShownStatus, words: string): string {
  const s = node.summary;
  const old = status === 'online' ? '' : ', as last heard';
  return [
    displayName(node.name, 64),
    [words, node.reason && displayName(node.reason, 200)].filter(Boolean).join(': '),
    s?.load_1m != null && `Load ${load(s.load_1m)}${s.cores ? ` on ${counted(s.cores, 'core')}` : ''}${old}`,
    s?.mem_used_bytes != null && `Memory ${bytes(s.mem_used_bytes)} of ${bytes(s.mem_total_bytes)}${old}`,
    s?.disk_mount != null && `Fullest disk ${displayName(s.disk_mount, 80)}${old}`,
    node.tags.length > 0 && node.tags.map((tag) => displayName(tag, 40)).join(', '),
  ]
    .filter(Boolean)
    .join('\n');
}
