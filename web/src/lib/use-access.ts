import { useMemo } from 'react';
import { useSession } from '../api/session';
import { mayEverywhere, mayOn, maySomewhere, type Need, type Principal } from './access';

const NOBODY: Principal = { grants: [], read_only: true };

/** What whoever is signed in may, for what is offered to them. */
export function useAccess() {
  const state = useSession();
  const who: Principal = state.phase === 'in' ? state.session : NOBODY;
  return useMemo(
    () => ({
      who,
      on: (need: Need, node: { tags: readonly string[] }) => mayOn(who, need, node.tags),
      somewhere: (need: Need) => maySomewhere(who, need),
      everywhere: (need: Need) => mayEverywhere(who, need),
    }),
    [who],
  );
}
