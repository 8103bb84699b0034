import { age } from '../lib/units';
import { live, useConnection, useFleet, useNow } from '../live/store';

/** A slim bar while the connection is lost: since when, when the next try is, and a way to try now. */
export function ConnectionBar() {
  const connection = useConnection();
  return connection.lostAt === null ? null : <Lost lostAt={connection.lostAt} retryAt={connection.retryAt} />;
}

function Lost({ lostAt, retryAt }: { lostAt: number; retryAt: number | null }) {
  const { reason, blocked } = useConnection();
  const { nodes } = useFleet();
  const now = useNow(500);
  const seconds = retryAt === null ? null : Math.max(1, Math.ceil((retryAt - now) / 1000));
  return (
    <div
      role="status"
      data-testid="connection-lost"
      className="sticky top-0 z-40 flex h-8 items-center justify-center gap-3 border-b border-warn/50 bg-[color-mix(in_srgb,var(--warn)_16%,var(--panel))] px-3 text-xs"
    >
      <span className="truncate">
        <span className="font-semibold">{blocked ? 'Live data don’t come through' : 'Connection lost'}</span>
        {blocked ? (
          <span className="max-sm:hidden">: WebSockets are stopped on the way</span>
        ) : reason ? (
          <span className="max-sm:hidden">: {reason}</span>
        ) : null}
        {seconds === null ? ', trying now…' : `, retrying in ${seconds} s`}
      </span>
      {nodes && (
        <span className="text-dim whitespace-nowrap max-sm:hidden">Data from {age(now - lostAt)} ago</span>
      )}
      {seconds !== null && (
        <button
          type="button"
          onClick={live.retryNow}
          className="rounded-sm px-1 underline underline-offset-2"
        >
          Try now
        </button>
      )}
    </div>
  );
}
