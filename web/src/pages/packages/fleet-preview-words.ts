import type { FleetPreviewPage, LeftOutNode, NodePreview } from '../../api/packages';

/** What was found so far. */
export interface Looked {
  waves: number[][];
  nodes: ReadonlyMap<number, NodePreview>;
  leftOut: readonly LeftOutNode[];
  done: boolean;
}

export const NOTHING_LOOKED: Looked = { waves: [], nodes: new Map(), leftOut: [], done: false };

export function looked(before: Looked, page: FleetPreviewPage): Looked {
  const nodes = new Map(before.nodes);
  for (const node of page.nodes) nodes.set(node.node, node);
  const leftOut = new Map([...before.leftOut, ...page.left_out].map((one) => [one.node, one]));
  return { waves: page.waves, nodes, leftOut: [...leftOut.values()], done: page.next === null };
}

/** What is to be said of a node beside its numbers. */
export function noteOf(node: NodePreview): { words: string; bad: boolean } | null {
  switch (node.state) {
    case 'nothing':
      return { words: 'Nothing to do.', bad: false };
    case 'refused':
      return { words: node.refused?.message ?? 'Its package manager refuses.', bad: true };
    case 'left_out':
      return { words: `Left out: ${node.left_out?.message ?? 'it is not ready.'}`, bad: true };
    case 'failed':
      return { words: node.error?.message ?? 'It could not be asked.', bad: true };
    default:
      return null;
  }
}

/** All together, in one line. Null before anything is known. */
export function sumOf(found: Looked): string | null {
  if (found.nodes.size === 0) return null;
  const sum = { upgraded: 0, security: 0, installed: 0, removed: 0, downgraded: 0 };
  for (const { counts, state } of found.nodes.values()) {
    if (state !== 'ready') continue;
    sum.upgraded += counts.upgraded;
    sum.security += counts.security ?? 0;
    sum.installed += counts.installed;
    sum.removed += counts.removed;
    sum.downgraded += counts.downgraded;
  }
  const parts = [
    `${sum.upgraded} ${sum.upgraded === 1 ? 'upgrade' : 'upgrades'}${sum.security > 0 ? `, ${sum.security} for security` : ''}`,
    sum.installed > 0 ? `${sum.installed} newly installed` : '',
    sum.removed > 0 ? `${sum.removed} removed` : '',
    sum.downgraded > 0 ? `${sum.downgraded} downgraded` : '',
  ].filter(Boolean);
  return parts.join(', ');
}

/** Whether anything would be taken away. */
export function removes(found: Looked): boolean {
  return [...found.nodes.values()].some((node) => node.state === 'ready' && node.counts.removed > 0);
}

/** By node, what it was shown to do: its job refuses anything else. */
export function plansOf(found: Looked): Record<string, string> {
  const plans: Record<string, string> = {};
  for (const node of found.nodes.values()) {
    if (node.state === 'ready' && node.plan) plans[node.node] = node.plan;
  }
  return plans;
}
