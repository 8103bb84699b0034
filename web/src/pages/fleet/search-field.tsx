import Search from 'lucide-react/icons/search';
import type { Ref } from 'react';

interface Props {
  field: Ref<HTMLInputElement>;
  query: string;
  /** How many nodes it finds, with the filter beside it. Null: nothing is searched for. */
  found: number | null;
  total: number;
  onQuery(query: string): void;
  onEnter(): void;
}

/** Narrows the fleet while one types, says to how many, and opens the one that is left. */
export function SearchField({ field, query, found, total, onQuery, onEnter }: Props) {
  return (
    <div className="relative order-last min-w-0 flex-1 basis-44 sm:order-none sm:max-w-80">
      <Search
        size={15}
        aria-hidden
        className="pointer-events-none absolute top-1/2 left-2.5 -translate-y-1/2 text-faint"
      />
      <input
        ref={field}
        type="search"
        aria-label="Search nodes"
        aria-describedby="fleet-found"
        data-testid="fleet-search"
        className={`field h-8 ${query ? 'pr-24' : 'pr-8'} pl-8 text-sm pointer-coarse:h-10 [&::-webkit-search-cancel-button]:hidden`}
        placeholder="Name, tag:home, system…"
        value={query}
        onChange={(event) => onQuery(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') {
            event.preventDefault();
            onEnter();
          } else if (event.key === 'Escape') {
            onQuery('');
            event.currentTarget.blur();
          }
        }}
      />
      <span
        id="fleet-found"
        role="status"
        data-testid="fleet-found"
        className="pointer-events-none absolute top-1/2 right-2.5 -translate-y-1/2 text-xs text-dim"
      >
        {found !== null && `${found} of ${total}`}
        {found === 1 && <span className="text-faint pointer-coarse:hidden"> ⏎</span>}
      </span>
      {!query && (
        <kbd className="pointer-events-none absolute top-1/2 right-2 -translate-y-1/2 rounded-sm border border-line px-1.5 font-sans text-2xs text-faint pointer-coarse:hidden">
          /
        </kbd>
      )}
    </div>
  );
}
