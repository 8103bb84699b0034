import { api } from '../../api/client';
import type { HistoryStatus, HistoryTier } from '../../api/history-status';
import { displayName } from '../../lib/names';
import { dayAndClock } from '../../lib/time';
import { bytes, count, DAY_MS, duration } from '../../lib/units';
import { useLoaded } from '../../lib/use-loaded';
import { useFleet, useNow } from '../../live/store';
import { Problem } from '../../ui/problem';

const RENEW_MS = 30_000;

const NAMES: Record<HistoryTier['name'], string> = {
  raw: 'Every sample',
  minute: 'By the minute',
  hour: 'By the hour',
};

/** `7 d`, `4.5 h`: one unit is enough for how far back something reaches. */
function days(value: number): string {
  if (value >= 365 && value % 365 === 0) return `${value / 365} y`;
  return value >= 10 ? `${Math.round(value)} d` : duration(value * DAY_MS);
}

/** How much history there is, what it takes, and how much will fit. */
export function HistoryHeld() {
  const turn = Math.floor(useNow(5_000) / RENEW_MS);
  const { data, error, reload } = useLoaded(String(turn), (signal) => api.historyStatus(signal));
  if (!data) {
    if (error) return <Problem error={error} onRetry={reload} />;
    return <p className="late text-sm text-faint">Looking at what is kept…</p>;
  }
  return (
    <div className="grid grid-cols-1 gap-4" data-testid="history-status">
      {error && <Problem error={error} onRetry={reload} />}
      <Failing status={data} />
      <Space status={data} />
      <Tiers status={data} />
      <Damaged status={data} />
    </div>
  );
}

function Failing({ status: { writer } }: { status: HistoryStatus }) {
  if (writer.state === 'ok') return null;
  return (
    <div role="alert" className="rounded-md border border-bad/45 bg-bad/8 px-3 py-2 text-sm">
      <p className="font-medium wrap-anywhere">
        Nothing is stored{writer.since === null ? '' : ` since ${dayAndClock(writer.since)}`}
        {writer.reason && `: ${displayName(writer.reason, 300)}`}
      </p>
      <p className="mt-0.5 text-dim">
        The Spiders keep their samples and send them once it works again. Make room on the disk, or look at
        the log of the server.
      </p>
    </div>
  );
}

function Space({ status: { bytes: taken } }: { status: HistoryStatus }) {
  const share = taken.budget ? Math.min(1, taken.total / taken.budget) : null;
  return (
    <div className="grid gap-1.5">
      <p className="text-sm text-dim">
        <span className="font-semibold text-text" data-testid="history-bytes">
          {bytes(taken.total)}
        </span>{' '}
        {taken.budget
          ? `of at most ${bytes(taken.budget)} on the disk`
          : 'on the disk, without a limit (--history-budget sets one)'}
        {taken.free > 0 && <span className="text-faint">, {bytes(taken.free)} of it to be used again</span>}
      </p>
      {share !== null && (
        <div
          role="progressbar"
          aria-label="Share of the budget that is used"
          aria-valuenow={Math.round(share * 100)}
          aria-valuemin={0}
          aria-valuemax={100}
          className="h-1.5 overflow-hidden rounded-full bg-track"
        >
          <div className="h-full rounded-full bg-s1" style={{ width: `${share * 100}%` }} />
        </div>
      )}
    </div>
  );
}

function Tiers({ status: { tiers, fresh } }: { status: HistoryStatus }) {
  return (
    <div>
      <table className="w-full text-sm">
        <thead>
          <tr className="text-left text-xs text-faint">
            <th className="py-1 pr-3 font-normal">Detail</th>
            <th className="py-1 pr-3 text-right font-normal">Held</th>
            <th className="py-1 pr-3 text-right font-normal">Kept for</th>
            <th className="py-1 pr-3 text-right font-normal max-sm:hidden">Room for</th>
            <th className="py-1 text-right font-normal">Size</th>
          </tr>
        </thead>
        <tbody>
          {tiers.map((tier) => {
            const tight = tier.days_fit !== null && tier.days_fit < tier.keep_days * 0.99;
            return (
              <tr key={tier.name} data-tier={tier.name} className="border-t border-line">
                <td className="py-1.5 pr-3">{NAMES[tier.name] ?? tier.name}</td>
                <td
                  className="py-1.5 pr-3 text-right"
                  title={tier.from === null ? undefined : `From ${dayAndClock(tier.from, false)}`}
                >
                  {tier.from === null ? '–' : days(tier.days_held)}
                </td>
                <td className="py-1.5 pr-3 text-right text-dim">{days(tier.keep_days)}</td>
                <td
                  className={`py-1.5 pr-3 text-right max-sm:hidden ${tight ? 'text-warn' : 'text-dim'}`}
                  title={tight ? 'The budget is smaller than what should be kept' : undefined}
                >
                  {tier.days_fit === null ? '–' : days(tier.days_fit)}
                </td>
                <td
                  className="py-1.5 text-right"
                  title={`${count(tier.rows)} rows, ${count(tier.blocks)} blocks`}
                >
                  {bytes(tier.bytes)}
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
      {fresh.rows > 0 && (
        <p className="mt-2 text-xs text-faint">
          And {count(fresh.rows)} samples ({bytes(fresh.bytes)}) that are stored and not yet merged.
        </p>
      )}
    </div>
  );
}

function Damaged({ status: { damaged } }: { status: HistoryStatus }) {
  const { nodes } = useFleet();
  if (damaged.length === 0) return null;
  return (
    <details className="rounded-md border border-warn/45 px-3 py-2 text-sm">
      <summary className="cursor-pointer">
        {damaged.length === 1 ? 'One block is' : `${damaged.length} blocks are`} damaged and set aside
      </summary>
      <ul className="mt-2 grid gap-1 text-xs text-dim">
        {damaged.map((block) => (
          <li key={`${block.node}/${block.tier}/${block.from}/${block.found}`} className="wrap-anywhere">
            {displayName(nodes?.get(block.node)?.name ?? `Node ${block.node}`, 60)}, {dayAndClock(block.from)}{' '}
            to {dayAndClock(block.to)}: {block.why}
          </li>
        ))}
      </ul>
    </details>
  );
}
