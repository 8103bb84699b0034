import CircleStop from 'lucide-react/icons/circle-stop';
import Clock from 'lucide-react/icons/clock';
import ClockAlert from 'lucide-react/icons/clock-alert';
import Dot from 'lucide-react/icons/dot';
import KeyRound from 'lucide-react/icons/key-round';
import ListChecks from 'lucide-react/icons/list-checks';
import Pencil from 'lucide-react/icons/pencil';
import Play from 'lucide-react/icons/play';
import Plug from 'lucide-react/icons/plug';
import Plus from 'lucide-react/icons/plus';
import RotateCw from 'lucide-react/icons/rotate-cw';
import SquareDashed from 'lucide-react/icons/square-dashed';
import Trash2 from 'lucide-react/icons/trash-2';
import Unplug from 'lucide-react/icons/unplug';
import Workflow from 'lucide-react/icons/workflow';
import { memo } from 'react';
import { Link } from 'wouter';
import type { FleetEvent } from '../../api/events';
import { displayName } from '../../lib/names';
import { clock, dayAndClock } from '../../lib/time';
import { Name } from '../../ui/name';
import { linkOf, type Tone, toneOf } from './list';

const ICONS: Record<string, typeof Dot> = {
  online: Plug,
  offline: Unplug,
  rebooted: RotateCw,
  spider: Workflow,
  gap: SquareDashed,
  job: ListChecks,
  added: Plus,
  renamed: Pencil,
  removed: Trash2,
  host_key: KeyRound,
  token: KeyRound,
  token_in_use: KeyRound,
  started: Play,
  stopped: CircleStop,
  sign_in_failed: KeyRound,
  clock_doubted: ClockAlert,
  clock_settled: Clock,
};

const TONES: Record<Tone, string> = { ok: 'text-ok', bad: 'text-bad', warn: 'text-warn', calm: 'text-faint' };

interface Props {
  event: FleetEvent;
  /** As the node is called now; undefined: it is gone, or the page is its own. */
  name: string | undefined;
  ofOneNode: boolean;
}

/** One thing that happened: when, where, what; and the way to more of it. */
export const EventRow = memo(function EventRow({ event, name, ofOneNode }: Props) {
  const Icon = ICONS[event.kind] ?? Dot;
  const link = linkOf(event);
  const shown = name ?? event.node_name;
  return (
    <li
      data-event={event.kind}
      data-event-id={event.id}
      className="relative grid grid-cols-[auto_auto_minmax(0,1fr)] items-start gap-x-3 border-b border-line px-4 py-2 text-sm transition-colors last:border-0 hover:bg-hover"
    >
      <time
        dateTime={new Date(event.time_ms).toISOString()}
        title={dayAndClock(event.time_ms)}
        className="pt-px text-xs leading-5 text-faint"
      >
        {clock(event.time_ms)}
      </time>
      <Icon size={15} aria-hidden className={`mt-0.75 ${TONES[toneOf(event)]}`} />
      <div className="min-w-0 gap-x-3 sm:flex sm:items-baseline">
        {!ofOneNode && shown !== null && (
          <p className="min-w-0 truncate font-medium sm:w-40 sm:shrink-0 lg:w-60">
            {event.node !== null && name !== undefined ? (
              <Link href={`/nodes/${event.node}`} className="relative z-10 hover:underline">
                <Name text={shown} max={60} />
              </Link>
            ) : (
              <span className="text-dim">
                <Name text={shown} max={60} />
              </span>
            )}
          </p>
        )}
        <p className="min-w-0 flex-1 text-dim wrap-anywhere">
          {link ? (
            <Link
              href={link.to}
              title={link.label}
              className="outline-none after:absolute after:inset-0 focus-visible:after:rounded-sm focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-s1"
            >
              <Name text={event.text} max={400} />
            </Link>
          ) : (
            displayName(event.text, 400)
          )}
        </p>
      </div>
    </li>
  );
});
