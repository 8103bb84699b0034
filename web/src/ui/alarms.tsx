import { useCallback, useEffect, useState } from 'react';
import { api } from '../api/client';
import type { HistoryClock, HistoryWriter } from '../api/history-status';
import { displayName } from '../lib/names';
import { dayAndClock } from '../lib/time';
import { duration } from '../lib/units';
import { useAccess } from '../lib/use-access';
import { useLoaded } from '../lib/use-loaded';
import { live, useNow } from '../live/store';
import { Button } from './button';
import { ClockDialog } from './clock-dialog';

const RENEW_MS = 30_000;

/** What history says of itself, renewed now and then, and at once when the clock was told of. */
function useHistoryHealth() {
  const turn = Math.floor(useNow(5_000) / RENEW_MS);
  const [told, setTold] = useState(0);
  useEffect(
    () =>
      live.onEvents((events) => {
        if (events.some((event) => event.kind.startsWith('clock_'))) setTold((n) => n + 1);
      }),
    [],
  );
  return useLoaded(`${turn}/${told}`, (signal) => api.historyHealth(signal));
}

/** What is wrong with the server itself, on every page: samples that can't be stored, a clock in doubt. */
export function Alarms() {
  const { data, reload } = useHistoryHealth();
  const [asking, setAsking] = useState(false);
  const close = useCallback(() => setAsking(false), []);
  const decides = useAccess().everywhere('administer');
  if (!data) return null;
  return (
    <>
      {data.writer.state === 'failing' && <NotStored writer={data.writer} />}
      {data.clock.state === 'doubted' && (
        <ClockDoubted clock={data.clock} onConfirm={decides ? () => setAsking(true) : null} />
      )}
      {asking && data.clock.state === 'doubted' && (
        <ClockDialog clock={data.clock} onClose={close} onDone={reload} />
      )}
    </>
  );
}

function NotStored({ writer }: { writer: HistoryWriter }) {
  return (
    <section
      role="alert"
      data-testid="alarm-not-stored"
      className="border-b border-bad/45 bg-[color-mix(in_srgb,var(--bad)_12%,var(--panel))] px-4 py-2 text-sm"
    >
      <p className="font-semibold wrap-anywhere">
        Nothing is stored{writer.since === null ? '' : ` since ${dayAndClock(writer.since)}`}
      </p>
      <p className="text-dim wrap-anywhere">
        {writer.reason && `${displayName(writer.reason, 400)} `}
        The Spiders keep their samples meanwhile.
      </p>
    </section>
  );
}

function ClockDoubted({ clock, onConfirm }: { clock: HistoryClock; onConfirm: (() => void) | null }) {
  const ahead = clock.jump_ms >= 0;
  return (
    <section
      role="alert"
      data-testid="alarm-clock"
      className="flex flex-wrap items-center justify-between gap-x-6 gap-y-2 border-b border-warn/50 bg-[color-mix(in_srgb,var(--warn)_12%,var(--panel))] px-4 py-2 text-sm"
    >
      <div className="min-w-60 flex-1">
        <p className="font-semibold">
          Ground Control’s clock has jumped: {duration(Math.abs(clock.jump_ms))} {ahead ? 'ahead' : 'back'}
        </p>
        <p className="text-dim">
          It says {dayAndClock(clock.wall, false)}, and by the time that has passed it is{' '}
          {dayAndClock(clock.agreed, false)}. Nothing is deleted by age for that. Set the clock of that
          machine right (<code className="font-mono text-xs">timedatectl</code> shows it); where most nodes
          have the same time, this ends by itself.
        </p>
      </div>
      {onConfirm && (
        <Button small data-testid="clock-is-right" onClick={onConfirm}>
          The clock is right…
        </Button>
      )}
    </section>
  );
}
