import { useWindowVirtualizer } from '@tanstack/react-virtual';
import ArrowDown from 'lucide-react/icons/arrow-down';
import ArrowUp from 'lucide-react/icons/arrow-up';
import { useLayoutEffect, useRef, useState } from 'react';
import type { FleetView, Sort } from '../../lib/url-state';
import type { Row } from './rows';
import type { Selecting } from './selection';
import { COLUMNS_CLASS, TableRow } from './table-row';

const ROW_HEIGHT = 44;

interface Column {
  sort: Sort | null;
  label: string;
  title?: string;
  align?: string;
}

const COLUMNS: readonly Column[] = [
  { sort: 'name', label: 'Name' },
  { sort: 'state', label: 'State', align: 'max-md:hidden' },
  { sort: null, label: 'CPU, 15 min', align: 'max-2xl:hidden' },
  { sort: 'cpu', label: 'CPU' },
  { sort: 'mem', label: 'Memory' },
  { sort: 'disk', label: 'Disk' },
  { sort: 'rx', label: 'In', align: 'justify-end max-xl:hidden' },
  { sort: 'tx', label: 'Out', align: 'justify-end max-xl:hidden' },
  {
    sort: 'load',
    label: 'Load/core',
    title: 'Load of one minute for each core',
    align: 'justify-end max-md:hidden',
  },
  { sort: 'temp', label: 'Temp', align: 'justify-end max-xl:hidden' },
  { sort: 'uptime', label: 'Up', align: 'justify-end max-xl:hidden' },
];

interface Props {
  rows: Row[];
  now: number;
  skewMs: number;
  selecting: Selecting | null;
  onTag(tag: string): void;
  view: FleetView;
  onSort(sort: Sort): void;
}

/** The dense view: one line a node, sortable by every column, only the lines in view in the page. */
export function TableList({ rows, now, skewMs, selecting, onTag, view, onSort }: Props) {
  const body = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setTop(body.current!.getBoundingClientRect().top + window.scrollY);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(body.current!.parentElement!);
    return () => observer.disconnect();
  }, []);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => ROW_HEIGHT,
    overscan: 12,
    scrollMargin: top,
  });
  return (
    <div role="table" aria-label="Nodes" aria-rowcount={rows.length + 1} className="panel">
      <div
        role="row"
        aria-rowindex={1}
        className={`${COLUMNS_CLASS} sticky top-(--bar) z-20 h-9 rounded-t-lg border-b border-line bg-panel`}
      >
        {COLUMNS.map((column) => {
          const active = column.sort !== null && column.sort === view.sort;
          const Arrow = view.descending ? ArrowDown : ArrowUp;
          return (
            <div
              key={column.label}
              role="columnheader"
              aria-sort={active ? (view.descending ? 'descending' : 'ascending') : undefined}
              className={`flex min-w-0 ${column.align ?? ''}`}
            >
              {column.sort === null ? (
                <span className="eyebrow">{column.label}</span>
              ) : (
                <button
                  type="button"
                  title={column.title}
                  onClick={() => onSort(column.sort!)}
                  className={`eyebrow -mx-1 flex min-w-0 items-center gap-1 rounded-sm px-1 transition hover:text-text ${active ? 'text-text' : ''}`}
                >
                  {column.label}
                  {active && <Arrow size={12} aria-hidden />}
                </button>
              )}
            </div>
          );
        })}
      </div>
      <div ref={body} role="rowgroup" className="relative" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map((item) => {
          const row = rows[item.index]!;
          return (
            <TableRow
              key={row.node.id}
              node={row.node}
              status={row.status}
              now={now}
              skewMs={skewMs}
              index={item.index}
              height={ROW_HEIGHT}
              offset={item.start - top}
              chosen={selecting ? selecting.chosen.has(row.node.id) : null}
              onToggle={selecting?.onToggle}
              onTag={onTag}
            />
          );
        })}
      </div>
    </div>
  );
}
