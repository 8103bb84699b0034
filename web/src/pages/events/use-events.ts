import { useCallback, useEffect, useRef, useState } from 'react';
import { type ApiError, api, asApiError } from '../../api/client';
import type { EventQuery, FleetEvent } from '../../api/events';
import { useConnection } from '../../live/store';
import { type EventsView, GROUPS, meets, mergeEvents } from './list';

const PAGE_SIZE = 100;
/** The newest page is asked for so often while somebody looks. */
const RENEW_MS = 4_000;

interface Pages {
  events: FleetEvent[];
  next: string | null;
}

/** Events of a view, newest first: page by page, and the newest again and again. */
export function useEvents({ group, node }: EventsView) {
  const { phase } = useConnection();
  const [pages, setPages] = useState<Pages | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [loading, setLoading] = useState(false);
  const request = useRef<AbortController | null>(null);

  const load = useCallback(
    (cursor: string | null) => {
      // A page that is under way comes first: the newest is asked for again soon.
      if (cursor === null && request.current?.signal.aborted === false) return;
      request.current?.abort();
      const own = new AbortController();
      request.current = own;
      if (cursor !== null) setLoading(true);
      const query: EventQuery = {
        kind: GROUPS[group],
        limit: PAGE_SIZE,
        ...(node === null ? {} : { node }),
        ...(cursor === null ? {} : { cursor }),
      };
      api.events(query, own.signal).then(
        (page) => {
          if (own.signal.aborted) return;
          own.abort();
          setPages((before) => {
            if (!before) return page;
            if (cursor !== null) return { events: [...before.events, ...page.events], next: page.next };
            // So much happened meanwhile that a hole would be left: begin anew.
            if (!meets(before.events, page.events, page.next === null)) return page;
            return { ...before, events: mergeEvents(before.events, page.events) };
          });
          setError(null);
          setLoading(false);
        },
        (cause) => {
          if (own.signal.aborted) return;
          own.abort();
          setError(asApiError(cause));
          setLoading(false);
        },
      );
    },
    [group, node],
  );

  const open = phase === 'open';
  useEffect(() => {
    load(null);
    if (!open) return () => request.current?.abort();
    const timer = setInterval(() => {
      if (!document.hidden) load(null);
    }, RENEW_MS);
    return () => {
      clearInterval(timer);
      request.current?.abort();
    };
  }, [load, open]);

  const next = pages?.next ?? null;
  return {
    events: pages?.events ?? null,
    error,
    loading,
    retry: () => load(null),
    more: next === null ? null : () => load(next),
  };
}
