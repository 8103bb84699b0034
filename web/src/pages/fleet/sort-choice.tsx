import ArrowDown from 'lucide-react/icons/arrow-down';
import ArrowUp from 'lucide-react/icons/arrow-up';
import type { Sort } from '../../lib/url-state';
import { IconButton } from '../../ui/button';

/** Where the most is what one looks for. */
export const DESCENDING_FIRST: ReadonlySet<Sort> = new Set([
  'cpu',
  'mem',
  'disk',
  'rx',
  'tx',
  'load',
  'temp',
  'uptime',
]);

const WORDS: Record<Sort, string> = {
  name: 'Name',
  state: 'State',
  cpu: 'CPU',
  mem: 'Memory',
  disk: 'Disk',
  load: 'Load per core',
  rx: 'Network in',
  tx: 'Network out',
  temp: 'Temperature',
  uptime: 'Uptime',
};

interface Props {
  sort: Sort;
  descending: boolean;
  onSort(sort: Sort, descending: boolean): void;
}

/** The order of cards, which have no heads to click. */
export function SortChoice({ sort, descending, onSort }: Props) {
  return (
    <div className="flex items-center max-sm:order-last">
      <select
        aria-label="Sort by"
        data-testid="fleet-sort"
        value={sort}
        onChange={(event) => {
          const next = event.target.value as Sort;
          onSort(next, DESCENDING_FIRST.has(next));
        }}
        className="h-8 rounded-md border border-line-strong bg-ink px-2 text-sm text-dim max-sm:w-28 pointer-coarse:h-10"
      >
        {Object.entries(WORDS).map(([id, label]) => (
          <option key={id} value={id}>
            {label}
          </option>
        ))}
      </select>
      <IconButton
        label={descending ? 'Most first: turn round' : 'Least first: turn round'}
        data-testid="fleet-sort-turn"
        onClick={() => onSort(sort, !descending)}
      >
        {descending ? <ArrowDown size={15} aria-hidden /> : <ArrowUp size={15} aria-hidden />}
      </IconButton>
    </div>
  );
}
