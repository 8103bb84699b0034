import { memo } from 'react';
import { Link } from 'wouter';
import { displayName } from '../../lib/series-key';
import { ABSENT, age, bytes, bytesPerSecond, celsius, load } from '../../lib/units';
import type { FleetNode, ShownStatus } from '../../live/fleet';
import { Bar, LEVEL_TEXT, levelOf, PercentText, ratioPercent } from '../../ui/meter';
import { Sparkline } from '../../ui/sparkline';
import { StatusDot, statusText } from '../../ui/status';
import { shortOs } from './rows';
import { choosing, SelectBox } from './selection';
import { Tags } from './tags';
import { stateWords } from './words';

export const CARD_HEIGHT = 208;

interface Props {
  node: FleetNode;
  status: ShownStatus;
  now: number;
  skewMs: number;
  /** Null: nodes are not being chosen, and the card leads to its node. */
  chosen: boolean | null;
  onToggle?(id: number): void;
}

function Meter({
  label,
  value,
  detail,
  grey,
}: {
  label: string;
  value: number | null | undefined;
  detail: string;
  grey: boolean;
}) {
  return (
    <div className="grid min-w-0 gap-1">
      <div className="flex items-baseline justify-between gap-1 text-xs">
        <span className="text-faint">{label}</span>
        <PercentText value={value} grey={grey} />
      </div>
      <Bar value={value} grey={grey} />
      <span className="truncate text-2xs text-faint">{detail}</span>
    </div>
  );
}

function Fact({ label, value, tone = '' }: { label: string; value: string; tone?: string }) {
  return (
    <div className="relative min-w-0" title={label}>
      <dt className="sr-only">{label}</dt>
      <dd className={`truncate ${tone}`}>{value}</dd>
    </div>
  );
}

export const NodeCard = memo(function NodeCard(props: Props) {
  const { node, status, now, skewMs, chosen, onToggle } = props;
  const s = node.summary;
  const grey = status === 'offline' || status === 'stale';
  const about = [
    shortOs(node.identity?.os),
    node.identity?.arch,
    node.identity?.cores != null ? `${node.identity.cores} cores` : null,
  ]
    .filter((part) => part != null)
    .map((part) => displayName(String(part), 40))
    .join(' · ');
  const words = stateWords(node, status, now, skewMs);
  const loadLevel = levelOf(s?.load_1m != null ? s.load_1m / (s.cores || 1) : null, 1, 2);
  return (
    <Link
      href={`/nodes/${node.id}`}
      data-node-id={node.id}
      data-status={status}
      data-roving
      {...choosing(chosen, () => onToggle?.(node.id))}
      style={{ height: CARD_HEIGHT }}
      className={`panel flex min-w-0 flex-col overflow-hidden px-4 pt-3 pb-3 transition hover:border-line-strong hover:bg-raised ${
        chosen
          ? 'border-accent hover:border-accent'
          : status === 'offline'
            ? 'border-bad/35'
            : status === 'stale'
              ? 'border-warn/35'
              : ''
      }`}
    >
      <div className="flex items-center gap-2">
        {chosen !== null && <SelectBox on={chosen} />}
        <StatusDot status={status} />
        <span className="min-w-0 truncate font-semibold">{displayName(node.name)}</span>
        <span className="ml-auto flex min-w-0 shrink-[4] justify-end gap-1 overflow-hidden">
          <Tags tags={node.tags} max={2} />
        </span>
      </div>
      <div
        className={`mt-0.5 truncate text-xs ${status === 'online' ? 'text-faint' : statusText(status)}`}
        title={status === 'online' ? undefined : [words, node.reason].filter(Boolean).join(': ')}
      >
        {status === 'online'
          ? about || 'Online'
          : [words, node.reason && displayName(node.reason, 120)].filter(Boolean).join(': ')}
      </div>
      {s ? (
        <div className={`flex flex-1 flex-col ${grey ? 'text-faint' : ''}`}>
          <Sparkline spark={node.spark} grey={grey} className="mt-3 h-10" />
          <div className="mt-3 grid grid-cols-3 gap-4">
            <Meter
              label="CPU"
              value={s.cpu_percent}
              grey={grey}
              detail={s.uptime_ms != null ? `up ${age(s.uptime_ms)}` : ''}
            />
            <Meter
              label="Memory"
              value={ratioPercent(s.mem_used_bytes, s.mem_total_bytes)}
              grey={grey}
              detail={`of ${bytes(s.mem_total_bytes)}`}
            />
            <Meter
              label="Disk"
              value={s.disk_percent}
              grey={grey}
              detail={s.disk_mount ? displayName(s.disk_mount, 30) : ABSENT}
            />
          </div>
          <dl className="mt-auto grid grid-cols-[1.3fr_1.3fr_1fr_0.9fr] gap-2 border-t border-line pt-2 text-xs">
            <Fact label="Network in" value={`↓ ${bytesPerSecond(s.net_rx_bytes_per_s)}`} />
            <Fact label="Network out" value={`↑ ${bytesPerSecond(s.net_tx_bytes_per_s)}`} />
            <Fact
              label="Load, one minute"
              value={`load ${load(s.load_1m)}`}
              tone={grey ? '' : LEVEL_TEXT[loadLevel]}
            />
            {grey ? (
              <Fact
                label="Age of these values"
                value={`${age(now - (node.heardAt ?? now))} old`}
                tone="text-right"
              />
            ) : (
              <Fact
                label="Temperature"
                value={celsius(s.temp_celsius)}
                tone={`text-right ${s.temp_celsius == null ? 'text-faint' : LEVEL_TEXT[levelOf(s.temp_celsius, 75, 85)]}`}
              />
            )}
          </dl>
        </div>
      ) : (
        <p className="m-auto max-w-60 text-center text-sm text-faint">
          {status === 'pending'
            ? 'Commencing countdown. Start the Spider on the machine with the command you were given.'
            : 'No samples yet.'}
        </p>
      )}
    </Link>
  );
});
