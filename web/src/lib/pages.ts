/** A list that the API gives page by page, newest first. */
export interface Pages<T> {
  items: readonly T[];
  /** Where the next page begins; null: that was all. */
  next: string | null;
}

/** The first page asked for anew. `older` says whether what was known below it is still true. */
export function renewed<T extends { id: number }>(
  known: Pages<T> | null,
  newest: Pages<T>,
  older: 'stays' | 'goes',
): Pages<T> {
  const last = newest.items.at(-1);
  // Nothing may be missing between the two: what was known has to begin above the end of the page.
  const meets = known !== null && last !== undefined && (known.items[0]?.id ?? 0) >= last.id;
  if (older === 'goes' || newest.next === null || !meets) return newest;
  return { items: [...newest.items, ...known.items.filter((one) => one.id < last.id)], next: known.next };
}

/** What /live told lies over what was fetched; the rest of it belongs to pages that were not asked for yet. */
export function withLive<T extends { id: number }>(fetched: Pages<T>, live: Iterable<T>): T[] {
  const oldest = fetched.next === null ? 0 : (fetched.items.at(-1)?.id ?? 0);
  const all = new Map(fetched.items.map((one) => [one.id, one]));
  for (const one of live) if (all.has(one.id) || one.id > oldest) all.set(one.id, one);
  return [...all.values()].sort((a, b) => b.id - a.id);
}
