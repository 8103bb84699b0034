import { memo } from 'react';
import { Link } from 'wouter';
import { netRate, useNetUnit } from '../../lib/net-unit';
import { ABSENT, age, celsius, load } from '../../lib/units';
import type { FleetNode, ShownStatus } from '../../live/fleet';
import { Bar, LEVEL_TEXT, levelOf, PercentText, ratioPercent } from '../../ui/meter';
import { Name } from '../../ui/name';
import { Sparkline } from '../../ui/sparkline';
import { StatusDot, statusText } from '../../ui/status';
import { FailedMark } from '../jobs/node-mark';
import { tagsThatFit } from './fitting';
import { loadPerCore } from './rows';
import { choosing, SelectBox } from './selection';
import { Tags } from './tags';
import { aboutNode, stateWords } from './words';

/** Shared by the head and the rows; columns leave from the least needed as the page gets narrower. */
export const COLUMNS_CLASS =
  'grid items-center gap-x-3 px-3 sm:px-4 xl:gap-x-4 ' +
  'grid-cols-[minmax(0,1fr)_3.125rem_3.125rem_3.125rem] ' +
  'md:grid-cols-[minmax(0,2fr)_minmax(0,1.2fr)_5rem_5rem_5rem_4.75rem] ' +
  'lg:grid-cols-[minmax(0,2fr)_minmax(0,1.2fr)_6.5rem_6.5rem_6.5rem_4.75rem] ' +
  'xl:grid-cols-[minmax(0,2.4fr)_minmax(0,1fr)_6rem_6rem_6rem_5.25rem_5.25rem_4.75rem_4rem_3rem] ' +
  '2xl:grid-cols-[minmax(0,3fr)_minmax(0,1.2fr)_7.5rem_7rem_7rem_7rem_5.75rem_5.75rem_4.75rem_4rem_3.25rem]';

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
  onTag(tag: string): void;
}

function MeterCell({ value, grey }: { value: number | null | undefined; grey: boolean }) {
  return (
    <div
      role="cell"
      className="grid grid-cols-1 items-center gap-1 sm:grid-cols-[minmax(0,1fr)_2.75rem] sm:gap-1.5"
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
  const { node, status, now, skewMs, index, height, offset, chosen, onToggle, onTag } = props;
  const unit = useNetUnit();
  const s = node.summary;
  const grey = status === 'offline' || status === 'stale';
  const words = stateWords(node, status, now, skewMs);
  const perCore = loadPerCore(s);
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
          title={aboutNode(node, status, words)}
          className={`max-w-[calc(100%-1rem)] truncate font-medium outline-none after:absolute after:inset-0 focus-visible:after:rounded-sm focus-visible:after:outline-2 focus-visible:after:-outline-offset-2 focus-visible:after:outline-s1 ${grey ? 'text-dim' : 'text-text'}`}
        >
          <Name text={node.name} />
        </Link>
        {chosen === null && <FailedMark node={node.id} />}
        {/* One line high: what does not fit is not there, rather than cut in half. */}
        <span className="flex h-5 min-w-0 flex-1 flex-wrap gap-1 overflow-hidden max-md:hidden">
          <span aria-hidden className="h-5 w-0" />
          <Tags
            tags={node.tags}
            max={tagsThatFit(node.tags, 26)}
            onTag={chosen === null ? onTag : undefined}
          />
        </span>
      </div>
      <div
        role="cell"
        className={`min-w-0 truncate text-xs max-md:hidden ${status === 'online' ? 'text-faint' : statusText(status)}`}
      >
        {words}
      </div>
      <div role="cell" className="max-2xl:hidden">
        {s && <Sparkline spark={node.spark} grey={grey} className="h-6" />}
      </div>
      <MeterCell value={s?.cpu_percent} grey={grey} />
      <MeterCell value={ratioPercent(s?.mem_used_bytes, s?.mem_total_bytes)} grey={grey} />
      <MeterCell value={s?.disk_percent} grey={grey} />
      <NumberCell text={netRate(s?.net_rx_bytes_per_s, unit)} />
      <NumberCell text={netRate(s?.net_tx_bytes_per_s, unit)} />
      <NumberCell
        text={load(perCore)}
        hide="max-md:hidden"
        tone={grey ? '' : LEVEL_TEXT[levelOf(perCore, 1, 2)]}
      />
      <NumberCell
        text={celsius(s?.temp_celsius)}
        tone={grey ? '' : LEVEL_TEXT[levelOf(s?.temp_celsius, 75, 85)]}
      />
      <NumberCell text={grey ? ABSENT : age(s?.uptime_ms)} />
    </div>
  );
});
