import { useCallback, useEffect, useRef, useState } from 'react';
import { type ApiError, asApiError } from '../api/client';
import { useConnection } from '../live/store';
import { type Pages, renewed } from './pages';

interface Source<T> {
  /** Stays the same function as long as the same list is meant. */
  fetch(cursor: string | null, signal: AbortSignal): Promise<Pages<T>>;
  /** Whether what was fetched below the first page is still true when that is asked for again. */
  older: 'stays' | 'goes';
}

/** A list of the API, newest first: the first page at once and after every lost connection, older ones on demand. */
export function usePages<T extends { id: number }>({ fetch, older }: Source<T>) {
  const { phase } = useConnection();
  const [pages, setPages] = useState<Pages<T> | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [loading, setLoading] = useState(false);
  const request = useRef<AbortController | null>(null);

  const load = useCallback(
    (cursor: string | null) => {
      request.current?.abort();
      const own = new AbortController();
      request.current = own;
      setLoading(true);
      fetch(cursor, own.signal).then(
        (page) => {
          if (own.signal.aborted) return;
          setPages((before) =>
            cursor !== null && before
              ? { items: [...before.items, ...page.items], next: page.next }
              : renewed(before, page, older),
          );
          setError(null);
          setLoading(false);
        },
        (cause) => {
          if (own.signal.aborted) return;
          setError(asApiError(cause));
          setLoading(false);
        },
      );
    },
    [fetch, older],
  );

  const open = phase === 'open';
  // biome-ignore lint/correctness/useExhaustiveDependencies: anew after a lost connection too: things happened unheard.
  useEffect(() => {
    load(null);
    return () => request.current?.abort();
  }, [load, open]);

  const next = pages?.next ?? null;
  return {
    pages,
    error,
    loading,
    renew: useCallback(() => load(null), [load]),
    more: next === null ? null : () => load(next),
  };
}
