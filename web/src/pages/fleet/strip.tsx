import type { Filter } from '../../lib/url-state';
import type { Counts } from '../../live/fleet';
import { StatusDot, statusWord } from '../../ui/status';

const CELLS = ['all', 'online', 'offline', 'stale', 'pending'] as const;

interface Props {
  counts: Counts;
  filter: Filter;
  onFilter(filter: Filter): void;
}

/** The fleet in five numbers, each of them a filter; zeros step back. */
export function Strip({ counts, filter, onFilter }: Props) {
  return (
    <fieldset className="panel grid grid-cols-5 overflow-hidden">
      <legend className="sr-only">Show nodes by state</legend>
      {CELLS.map((cell) => {
        const on = filter === cell;
        const number = counts[cell];
        const alarming =
          number > 0 && (cell === 'offline' ? 'text-bad' : cell === 'stale' ? 'text-warn' : '');
        return (
          <button
            key={cell}
            type="button"
            aria-pressed={on}
            data-testid={`filter-${cell}`}
            data-count={number}
            onClick={() => onFilter(on ? 'all' : cell)}
            className={`relative grid min-w-0 gap-0.5 border-line px-2 py-2.5 text-left transition not-first:border-l hover:bg-hover focus-visible:-outline-offset-2 sm:px-4 ${
              on ? 'bg-hover' : ''
            }`}
          >
            <span className={`text-xl font-semibold ${alarming || (number === 0 ? 'text-faint' : '')}`}>
              {number}
            </span>
            <span className="flex min-w-0 items-center gap-1.5 text-xs text-dim">
              {cell !== 'all' && (
                <span className={number === 0 ? 'opacity-40 max-sm:hidden' : 'max-sm:hidden'}>
                  <StatusDot status={cell} />
                </span>
              )}
              <span className="truncate max-sm:text-2xs">{cell === 'all' ? 'All' : statusWord(cell)}</span>
            </span>
            {on && <span aria-hidden className="absolute inset-x-0 bottom-0 h-0.5 bg-dim" />}
          </button>
        );
      })}
    </fieldset>
  );
}
