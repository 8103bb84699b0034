import { api } from '../api/client';
import type { HistoryClock } from '../api/history-status';
import { dayAndClock } from '../lib/time';
import { duration } from '../lib/units';
import { useSubmit } from '../lib/use-submit';
import { useNow } from '../live/store';
import { Dialog } from './dialog';
import { FormEnd } from './form-end';
import { Problem } from './problem';

interface Props {
  clock: HistoryClock;
  onClose(): void;
  onDone(): void;
}

/** A person's word on the server's clock, with another clock beside it to compare. */
export function ClockDialog({ clock, onClose, onDone }: Props) {
  const here = useNow(5_000);
  const { busy, error, submit } = useSubmit(async () => {
    await api.confirmClock(clock.wall);
    onDone();
    onClose();
  });
  const ahead = clock.jump_ms >= 0;
  return (
    <Dialog title="Is this the right time?" onClose={onClose}>
      <form onSubmit={submit} className="grid gap-4 text-sm">
        <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">
          <dt className="text-dim">Ground Control’s clock</dt>
          <dd className="font-semibold">{dayAndClock(clock.wall, false)}</dd>
          <dt className="text-dim">This browser’s clock</dt>
          <dd>{dayAndClock(here, false)}</dd>
          <dt className="text-dim">By the time that has passed</dt>
          <dd>{dayAndClock(clock.agreed, false)}</dd>
        </dl>
        <p className="text-dim">
          {ahead
            ? `Once you say so, all samples are ${duration(clock.jump_ms)} older, and what is then older than it is to be kept is deleted for good.`
            : 'Once you say so, history goes by this time: nothing is deleted by age until it has caught up.'}
        </p>
        {error && <Problem error={error} />}
        <FormEnd
          label="It is right"
          testId="clock-confirm"
          danger={ahead}
          disabled={busy}
          onLeave={onClose}
        />
      </form>
    </Dialog>
  );
}
