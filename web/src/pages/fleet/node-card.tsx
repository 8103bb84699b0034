import { memo } from 'react';
import { Link } from 'wouter';
import { displayName } from '../../lib/names';
import { netRate, useNetUnit } from '../../lib/net-unit';
import { age, bytes, celsius, counted, load } from '../../lib/units';
import type { FleetNode, ShownStatus } from '../../live/fleet';
import { Bar, LEVEL_TEXT, levelOf, PercentText, ratioPercent } from '../../ui/meter';
import { Name } from '../../ui/name';
import { Sparkline } from '../../ui/sparkline';
import { StatusDot, statusText } from '../../ui/status';
import { FailedMark, PendingWords } from '../jobs/node-mark';
import { roomBeside, tagsThatFit } from './fitting';
import { loadPerCore, shortOs } from './rows';
import { choosing, SelectBox } from './selection';
import { Tags } from './tags';
import { aboutNode, stateWords } from './words';

export const CARD_HEIGHT = 172;
/** Narrow characters that name and tags have between them on the narrowest card. */
const LINE_CHARS = 38;

interface Props {
  node: FleetNode;
  status: ShownStatus;
  now: number;
  skewMs: number;
  /** Null: nodes are not being chosen, and the card leads to its node. */
  chosen: boolean | null;
  onToggle?(id: number): void;
  onTag(tag: string): void;
}

interface MeterProps {
  label: string;
  value: number | null | undefined;
  detail: string;
  tone?: string;
  grey: boolean;
}

function Meter({ label, value, detail, tone = 'text-faint', grey }: MeterProps) {
  return (
    <div className="grid min-w-0 gap-1">
      <div className="flex items-baseline justify-between gap-1 text-xs">
        <span className="text-faint">{label}</span>
        <PercentText value={value} grey={grey} />
      </div>
      <Bar value={value} grey={grey} />
      <span className={`truncate text-2xs ${tone}`}>{detail}</span>
    </div>
  );
}

function Fact({ label, value, tone = '' }: { label: string; value: string; tone?: string }) {
  return (
    <div className="min-w-0">
      <dt className="sr-only">{label}</dt>
      <dd className={`truncate ${tone}`}>{value}</dd>
    </div>
  );
}

export const NodeCard = memo(function NodeCard(props: Props) {
  const { node, status, now, skewMs, chosen, onToggle, onTag } = props;
  const unit = useNetUnit();
  const s = node.summary;
  const grey = status === 'offline' || status === 'stale';
  const cores = s?.cores ?? node.identity?.cores;
  const about = [
    shortOs(node.identity?.os),
    node.identity?.arch,
    cores != null ? counted(cores, 'core') : null,
  ]
    .filter((part) => part != null)
    .map((part) => displayName(part, 40))
    .join(' · ');
  const words = stateWords(node, status, now, skewMs);
  const trouble = [words, node.reason && displayName(node.reason, 160)].filter(Boolean).join(': ');
  const perCore = loadPerCore(s);
  const loadLevel = levelOf(perCore, 1, 2);
  const shownTags = tagsThatFit(node.tags, roomBeside(node.name, LINE_CHARS));
  return (
    <article
      data-node-id={node.id}
      data-status={status}
      style={{ height: CARD_HEIGHT }}
      className={`panel relative flex min-w-0 flex-col overflow-hidden px-3.5 pt-2.5 pb-2 transition hover:border-line-strong hover:bg-raised ${
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
        <Link
          href={`/nodes/${node.id}`}
          {...choosing(chosen, () => onToggle?.(node.id))}
          data-roving
          title={aboutNode(node, status, words)}
          className="min-w-0 truncate font-semibold outline-none after:absolute after:inset-0 focus-visible:after:rounded-lg focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-s1"
        >
          <Name text={node.name} />
        </Link>
        {chosen === null && <FailedMark node={node.id} />}
        <span className="ml-auto flex h-5 min-w-0 shrink-0 items-center gap-1">
          <Tags tags={node.tags} max={shownTags} onTag={chosen === null ? onTag : undefined} />
        </span>
      </div>
      <div className={`truncate text-xs ${status === 'online' ? 'text-faint' : statusText(status)}`}>
        {status === 'online' ? about || 'Online' : trouble}
      </div>
      {s ? (
        <div className={`flex flex-1 flex-col ${grey ? 'text-faint' : ''}`}>
          <div className="mt-1.5 grid grid-cols-[2.75rem_minmax(0,1fr)] items-end gap-2">
            <span aria-hidden className="text-2xs leading-3.5 text-faint">
              CPU
              <br />
              15 min
            </span>
            <Sparkline spark={node.spark} grey={grey} className="h-7" />
          </div>
          <div className="mt-2 grid grid-cols-3 gap-3.5">
            <Meter
              label="CPU"
              value={s.cpu_percent}
              grey={grey}
              detail={perCore === null ? '' : `load ${load(perCore)}/core`}
              tone={grey || loadLevel === 'calm' ? 'text-faint' : LEVEL_TEXT[loadLevel]}
            />
            <Meter
              label="Memory"
              value={ratioPercent(s.mem_used_bytes, s.mem_total_bytes)}
              grey={grey}
              detail={s.mem_total_bytes != null ? `of ${bytes(s.mem_total_bytes)}` : ''}
            />
            <Meter
              label="Disk"
              value={s.disk_percent}
              grey={grey}
              detail={s.disk_mount ? displayName(s.disk_mount, 30) : ''}
            />
          </div>
          <dl className="mt-auto grid grid-cols-[1.4fr_1.4fr_1fr_1fr] gap-1.5 border-t border-line pt-1.5 text-2xs">
            <Fact label="Network in" value={`↓ ${netRate(s.net_rx_bytes_per_s, unit)}`} />
            <Fact label="Network out" value={`↑ ${netRate(s.net_tx_bytes_per_s, unit)}`} />
            <Fact
              label="Temperature"
              value={s.temp_celsius == null ? '' : celsius(s.temp_celsius)}
              tone={`text-right ${grey ? '' : LEVEL_TEXT[levelOf(s.temp_celsius, 75, 85)]}`}
            />
            {grey ? (
              <Fact
                label="Age of these values"
                value={`${age(now - (node.heardAt ?? now))} old`}
                tone="text-right"
              />
            ) : (
              <Fact
                label="Up for"
                value={s.uptime_ms == null ? '' : `up ${age(s.uptime_ms)}`}
                tone="text-right"
              />
            )}
          </dl>
        </div>
      ) : (
        <div className="m-auto max-w-64 text-center text-sm text-faint">
          {status === 'pending' ? <PendingWords node={node} /> : 'No samples yet.'}
        </div>
      )}
    </article>
  );
});
