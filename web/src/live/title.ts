import { useEffect, useMemo } from 'react';
import { countStates, fleetTitle } from './fleet';
import { useFleet, useKnownNow } from './store';
import { useUnseen } from './unseen';

/** The tab's title: where one is, and what needs a person. */
export function useTitle(place = ''): void {
  const { nodes } = useFleet();
  const now = useKnownNow(5_000);
  const counts = useMemo(() => (nodes ? countStates(nodes.values(), now) : null), [nodes, now]);
  const failed = useUnseen().size;
  const title = fleetTitle(counts, [failed > 0 ? `${failed} failed` : '', place].filter(Boolean).join(' · '));
  useEffect(() => {
    document.title = title;
  }, [title]);
}
