import { useSyncExternalStore } from 'react';
import { readPref, writePref } from '../lib/prefs';

/** Jobs whose failure was looked at in this browser: the newest of them. */
const SEEN_MAX = 300;
const KEY = 'seen-failures';

function read(): Set<number> {
  const text = readPref(KEY) ?? '';
  return new Set(
    text
      .split(',')
      .map(Number)
      .filter((id) => Number.isSafeInteger(id) && id > 0),
  );
}

let seen: ReadonlySet<number> = read();
const subscribers = new Set<() => void>();

export function markSeen(ids: Iterable<number>): void {
  const next = new Set(seen);
  for (const id of ids) next.add(id);
  if (next.size === seen.size) return;
  seen = new Set([...next].sort((a, b) => b - a).slice(0, SEEN_MAX));
  writePref(KEY, [...seen].join(','));
  for (const notify of subscribers) notify();
}

export function useSeen(): ReadonlySet<number> {
  return useSyncExternalStore(
    (notify) => {
      subscribers.add(notify);
      return () => subscribers.delete(notify);
    },
    () => seen,
  );
}
