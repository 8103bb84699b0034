import { useMemo } from 'react';
import { markSeen, useSeen } from './seen';
import { useFailures, useNews } from './store';

/** Jobs that failed and that nobody has looked at in this browser. */
export function useUnseen(): ReadonlySet<number> {
  const failures = useFailures();
  const news = useNews();
  const seen = useSeen();
  return useMemo(() => {
    const ids = [...[...failures.values()].map((one) => one.id), ...news.map((job) => job.id)];
    return new Set(ids.filter((id) => !seen.has(id)));
  }, [failures, news, seen]);
}

export { markSeen };
