import { useCallback, useEffect, useMemo, useState } from 'react';
import { api } from '../../api/client';
import type { EventQuery, FleetEvent } from '../../api/events';
import { withLive } from '../../lib/pages';
import { usePages } from '../../lib/use-pages';
import { live } from '../../live/store';
import { type EventsView, fits, GROUPS } from './list';

const PAGE_SIZE = 100;
/** So many are kept as they were told; then the newest page is asked for instead. */
const TOLD_MAX = 500;

/** Events of a view, newest first: fetched page by page, and new ones as /live tells them. */
export function useEvents({ group, node }: EventsView) {
  const [told, setTold] = useState<readonly FleetEvent[]>([]);
  const fetch = useCallback(
    async (cursor: string | null, signal: AbortSignal) => {
      const query: EventQuery = {
        kind: GROUPS[group],
        limit: PAGE_SIZE,
        ...(node === null ? {} : { node }),
        ...(cursor === null ? {} : { cursor }),
      };
      const { events, next } = await api.events(query, signal);
      return { items: events, next };
    },
    [group, node],
  );
  const list = usePages<FleetEvent>({ fetch, older: 'stays' });
  const { pages, renew } = list;

  useEffect(() => {
    let kept: readonly FleetEvent[] = [];
    setTold(kept);
    return live.onEvents((events, more) => {
      kept = [...kept, ...events.filter((event) => fits(event, { group, node }))];
      // So much happened that it was not all told, or that it is too much to keep.
      if (more || kept.length > TOLD_MAX) {
        kept = [];
        renew();
      }
      setTold(kept);
    });
  }, [group, node, renew]);

  const events = useMemo(() => (pages ? withLive(pages, told) : []), [pages, told]);
  return { ...list, events };
}
