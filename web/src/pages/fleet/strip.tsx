import type { ReactNode } from 'react';
import type { Filter } from '../../lib/url-state';
import type { Counts } from '../../live/fleet';
import { StatusDot, statusWord } from '../../ui/status';
import type { WaitingCounts } from './use-waiting';

const STATES = ['all', 'online', 'offline', 'stale', 'pending'] as const;
const WAITING = [
  { id: 'updates', label: 'Updates', tone: '', title: 'Nodes with upgrades waiting' },
  { id: 'security', label: 'Security', tone: 'text-bad', title: 'Nodes with security upgrades waiting' },
  { id: 'reboot', label: 'Reboot', tone: 'text-warn', title: 'Nodes that need a reboot' },
] as const;

interface Props {
  counts: Counts;
  /** Null: not known yet. Undefined: no node is managed, so nobody will ever know. */
  waiting: WaitingCounts | null | undefined;
  filter: Filter;
  onFilter(filter: Filter): void;
}

/** The fleet in a few numbers, each of them a filter; zeros step back. */
export function Strip({ counts, waiting, filter, onFilter }: Props) {
  const toggle = (cell: Filter) => onFilter(filter === cell ? 'all' : cell);
  return (
    <fieldset
      className={`panel grid overflow-hidden ${waiting === undefined ? 'grid-cols-5' : 'grid-cols-4 sm:grid-cols-8'}`}
    >
      <legend className="sr-only">Show nodes by state</legend>
      {STATES.map((cell) => (
        <Cell
          key={cell}
          id={cell}
          on={filter === cell}
          number={counts[cell]}
          alarm={cell === 'offline' ? 'text-bad' : cell === 'stale' ? 'text-warn' : ''}
          onClick={() => toggle(cell)}
        >
          {cell !== 'all' && (
            <span className={counts[cell] === 0 ? 'opacity-40 max-lg:hidden' : 'max-lg:hidden'}>
              <StatusDot status={cell} />
            </span>
          )}
          <span className="truncate max-sm:text-2xs">{cell === 'all' ? 'All' : statusWord(cell)}</span>
        </Cell>
      ))}
      {waiting !== undefined &&
        WAITING.map((cell) => (
          <Cell
            key={cell.id}
            id={cell.id}
            on={filter === cell.id}
            number={waiting === null ? null : waiting[cell.id]}
            alarm={cell.tone}
            title={cell.title}
            onClick={() => toggle(cell.id)}
          >
            <span className="truncate max-sm:text-2xs">{cell.label}</span>
          </Cell>
        ))}
    </fieldset>
  );
}

interface CellProps {
  id: string;
  on: boolean;
  number: number | null;
  /** Its colour when it is not zero. */
  alarm: string;
  title?: string;
  onClick(): void;
  children: ReactNode;
}

function Cell({ id, on, number, alarm, title, onClick, children }: CellProps) {
  return (
    <button
      type="button"
      aria-pressed={on}
      title={title}
      data-testid={`filter-${id}`}
      data-count={number ?? undefined}
      onClick={onClick}
      // Hairlines between the cells, also where they wrap: the outer ones lie outside of the panel.
      className={`relative -mt-px -ml-px grid min-w-0 gap-0.5 border-t border-l border-line px-2 py-2.5 text-left transition hover:bg-hover focus-visible:-outline-offset-2 lg:px-4 ${
        on ? 'bg-hover' : ''
      }`}
    >
      <span
        // Five digits are wider than a cell of a phone.
        className={`text-xl font-semibold ${(number ?? 0) > 9_999 ? 'max-sm:text-base max-sm:leading-7' : ''} ${number ? alarm : 'text-faint'}`}
      >
        {number ?? '–'}
      </span>
      <span className="flex min-w-0 items-center gap-1.5 text-xs text-dim">{children}</span>
      {on && <span aria-hidden className="absolute inset-x-0 bottom-0 h-0.5 bg-dim" />}
    </button>
  );
}
