import { lazy, Suspense } from 'react';
import { useConnection } from '../live/store';

const NoWebSockets = lazy(() => import('./no-web-sockets'));

/** Until the first word of the fleet; or why there will be none. */
export function Waiting({ what }: { what: string }) {
  const { blocked } = useConnection();
  if (!blocked) return <p className="late py-20 text-center text-sm text-faint">Looking for {what}…</p>;
  return (
    <Suspense>
      <NoWebSockets />
    </Suspense>
  );
}
