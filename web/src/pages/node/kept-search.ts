/** How the charts of each node were looked at last in this visit: what the way back from another tab leads to. */
const kept = new Map<number, string>();
const NODES_MAX = 200;

export function keepSearch(node: number, search: string): void {
  // The unit is one for all pages, and may be another by then.
  const params = new URLSearchParams(search);
  params.delete('net');
  const text = params.toString();
  kept.delete(node);
  kept.set(node, text && `?${text}`);
  if (kept.size > NODES_MAX) kept.delete(kept.keys().next().value!);
}

export function keptSearch(node: number): string {
  return kept.get(node) ?? '';
}
