import { memo } from 'react';
import { Link } from 'wouter';
import { displayName } from '../../lib/series-key';
import { ABSENT, age, bytesPerSecond, celsius, load } from '../../lib/units';
import type { FleetNode, ShownStatus } from '../../live/fleet';
import { Bar, LEVEL_TEXT, levelOf, PercentText, ratioPercent } from '../../ui/meter';
import { Sparkline } from '../../ui/sparkline';
import { StatusDot, statusText } from '../../ui/status';
import { choosing, SelectBox } from './selection';
import { Tags } from './tags';
import { stateWords } from './words';

/** Shared by the head and the rows; columns leave from the least needed as the page gets narrower. */
export const COLUMNS_CLASS =
  'grid items-center gap-x-3 px-3 sm:gap-x-4 sm:px-4 ' +
  'grid-cols-[minmax(0,1fr)_3.125rem_3.125rem_3.125rem] ' +
  'md:grid-cols-[minmax(8rem,2fr)_minmax(7rem,1.3fr)_5.5rem_5.5rem_5.5rem_3.5rem] ' +
  'xl:grid-cols-[minmax(9rem,2.4fr)_minmax(6.5rem,1fr)_6rem_6.5rem_6.5rem_5.25rem_5.25rem_3.25rem_4rem_3.25rem] ' +
  '2xl:grid-cols-[minmax(12rem,3fr)_minmax(7.5rem,1.2fr)_7.5rem_7rem_7rem_7rem_5.25rem_5.25rem_3.25rem_4rem_3.25rem]';

interface Props {
  node: FleetNode;
  status: ShownStatus;
  now: number;
  skewMs: number;
  index: number;
  height: number;
  offset: number;
  /** Null: nodes are not being chosen, and the row leads to its node. */
  chosen: boolean | null;
  onToggle?(id: number): void;
}

function MeterCell({
  value,
  grey,
  title,
}: {
  value: number | null | undefined;
  grey: boolean;
  title: string;
}) {
  return (
    <div
      role="cell"
      className="grid grid-cols-1 items-center gap-1 sm:grid-cols-[1fr_2.9rem] sm:gap-2"
      title={title}
    >
      <span className="max-sm:order-2">
        <Bar value={value} grey={grey} />
      </span>
      <span className="text-right text-xs">
        <PercentText value={value} grey={grey} />
      </span>
    </div>
  );
}

function NumberCell({
  text,
  hide = 'max-xl:hidden',
  tone = '',
}: {
  text: string;
  hide?: string;
  tone?: string;
}) {
  return (
    <div
      role="cell"
      className={`text-right text-xs whitespace-nowrap ${hide} ${text === ABSENT ? 'text-faint' : tone}`}
    >
      {text}
    </div>
  );
}

export const TableRow = memo(function TableRow(props: Props) {
  const { node, status, now, skewMs, index, height, offset, chosen, onToggle } = props;
  const s = node.summary;
  const grey = status === 'offline' || status === 'stale';
  const words = stateWords(node, status, now, skewMs);
  const reason = node.reason ? displayName(node.reason, 160) : null;
  const loadLevel = levelOf(s?.load_1m != null ? s.load_1m / (s.cores || 1) : null, 1, 2);
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      data-node-id={node.id}
      data-status={status}
      style={{ height, transform: `translateY(${offset}px)` }}
      className={`${COLUMNS_CLASS} absolute inset-x-0 border-b border-line transition-colors last:border-0 hover:bg-hover ${
        grey ? 'text-faint' : ''
      }`}
    >
      <div role="cell" className="flex min-w-0 items-center gap-2">
        {chosen !== null && <SelectBox on={chosen} />}
        <StatusDot status={status} />
        <Link
          href={`/nodes/${node.id}`}
          {...choosing(chosen, () => onToggle?.(node.id))}
          data-roving
          className={`max-w-[calc(100%-1rem)] shrink-0 truncate font-medium outline-none after:absolute after:inset-0 focus-visible:after:rounded-sm focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-s1 ${grey ? 'text-dim' : 'text-text'}`}
        >
          {displayName(node.name)}
        </Link>
        <span className="flex min-w-0 gap-1 overflow-hidden max-md:hidden">
          <Tags tags={node.tags} max={2} />
        </span>
      </div>
      <div
        role="cell"
        className={`min-w-0 truncate text-xs max-md:hidden ${status === 'online' ? 'text-faint' : statusText(status)}`}
        title={[words, reason].filter(Boolean).join(': ')}
      >
        {words}
      </div>
      <div role="cell" className="max-2xl:hidden">
        {s && <Sparkline spark={node.spark} grey={grey} className="h-6" />}
      </div>
      <MeterCell value={s?.cpu_percent} grey={grey} title={s?.cores != null ? `${s.cores} cores` : ''} />
      <MeterCell
        value={ratioPercent(s?.mem_used_bytes, s?.mem_total_bytes)}
        grey={grey}
        title="Memory in use"
      />
      <MeterCell
        value={s?.disk_percent}
        grey={grey}
        title={s?.disk_mount ? `Fullest: ${displayName(s.disk_mount)}` : ''}
      />
      <NumberCell text={bytesPerSecond(s?.net_rx_bytes_per_s)} />
      <NumberCell text={bytesPerSecond(s?.net_tx_bytes_per_s)} />
      <NumberCell text={load(s?.load_1m)} hide="max-md:hidden" tone={grey ? '' : LEVEL_TEXT[loadLevel]} />
      <NumberCell
        text={celsius(s?.temp_celsius)}
        tone={grey ? '' : LEVEL_TEXT[levelOf(s?.temp_celsius, 75, 85)]}
      />
      <NumberCell text={grey ? ABSENT : age(s?.uptime_ms)} />
    </div>
  );
});
