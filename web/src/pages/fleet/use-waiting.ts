import { useMemo } from 'react';
import { api } from '../../api/client';
import type { FleetPackageNode } from '../../api/packages';
import { useLoaded } from '../../lib/use-loaded';
import type { FleetNode } from '../../live/fleet';
import { useNow } from '../../live/store';
import { useFinishedJobs } from '../packages/use-finished';

/** Looks at packages are daily; what a job changes shows at its end. */
const RENEW_MS = 10 * 60_000;

export type Waiting = ReadonlyMap<number, FleetPackageNode>;
export type WaitingFilter = 'updates' | 'security' | 'reboot';

export interface WaitingCounts {
  updates: number;
  security: number;
  reboot: number;
}

/** What waits on each node, by its last look. Null: not known (yet), or no node is managed. */
export function useWaiting(nodes: ReadonlyMap<number, FleetNode> | null): {
  waiting: Waiting | null;
  expected: boolean;
} {
  const expected = useMemo(() => [...(nodes?.values() ?? [])].some((node) => node.managed), [nodes]);
  const turn = Math.floor(useNow(60_000) / RENEW_MS);
  const finished = useFinishedJobs(null);
  const { data } = useLoaded(`${expected}/${turn}/${finished}`, (signal) =>
    expected ? api.fleetPackages(signal) : Promise.resolve(null),
  );
  const waiting = useMemo(() => (data ? new Map(data.nodes.map((node) => [node.node, node])) : null), [data]);
  return { waiting, expected };
}

export function waits(filter: WaitingFilter, node: FleetPackageNode | undefined): boolean {
  if (!node) return false;
  switch (filter) {
    case 'updates':
      return node.upgradable > 0;
    case 'security':
      return (node.security ?? 0) > 0;
    case 'reboot':
      return node.reboot_required === true;
  }
}

/** How many nodes each filter shows. Null where nobody has looked at any of them yet: that is not zero. */
export function countWaiting(waiting: Waiting): WaitingCounts | null {
  if (![...waiting.values()].some((node) => node.as_of_ms !== null)) return null;
  const counts = { updates: 0, security: 0, reboot: 0 };
  for (const node of waiting.values()) {
    for (const filter of ['updates', 'security', 'reboot'] as const) {
      if (waits(filter, node)) counts[filter] += 1;
    }
  }
  return counts;
}
