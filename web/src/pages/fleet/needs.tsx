import ArrowUpFromLine from 'lucide-react/icons/arrow-up-from-line';
import type { Filter } from '../../lib/url-state';
import type { Counts } from '../../live/fleet';

interface Props {
  counts: Counts;
  version: string;
  filter: Filter;
  onFilter(filter: Filter): void;
}

/** What the fleet could do with, when there is anything. */
export function Needs({ counts, version, filter, onFilter }: Props) {
  const on = filter === 'outdated';
  if (counts.outdated === 0 && !on) return null;
  return (
    <div className="mt-2 flex flex-wrap gap-2">
      <button
        type="button"
        aria-pressed={on}
        data-testid="filter-outdated"
        data-count={counts.outdated}
        onClick={() => onFilter(on ? 'all' : 'outdated')}
        className={`inline-flex h-7 items-center gap-2 rounded-full border px-3 text-xs transition hover:bg-hover pointer-coarse:h-9 ${
          on ? 'border-dim bg-hover' : 'border-line-strong text-dim'
        }`}
      >
        <ArrowUpFromLine size={13} aria-hidden />
        {counts.outdated === 1 ? '1 Spider' : `${counts.outdated} Spiders`} to upgrade to {version}
      </button>
    </div>
  );
}
