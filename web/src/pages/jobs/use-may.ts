import type { Job } from '../../api/job';
import { type Need, reasonOf } from '../../lib/access';
import { useAccess } from '../../lib/use-access';
import { useFleet } from '../../live/store';
import { needOf, nodesOf } from './needs';

/** Why somebody may not have this done with a job's nodes; null where they may. */
export function useMayNot(job: Job): { cancel: string | null; retry: string | null } {
  const { nodes } = useFleet();
  const access = useAccess();
  const of = nodesOf(job);
  const why = (need: Need): string | null => {
    if (access.everywhere(need)) return null;
    if (of.length === 0) return access.somewhere(need) ? null : reasonOf(need);
    const may = (id: number) => {
      const node = nodes?.get(id);
      return node !== undefined && access.on(need, node);
    };
    return of.every(may) ? null : reasonOf(need);
  };
  const cancel = why('operate');
  return { cancel, retry: cancel ?? why(needOf(job)) };
}
