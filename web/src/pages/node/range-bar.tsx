import ChevronLeft from 'lucide-react/icons/chevron-left';
import ChevronRight from 'lucide-react/icons/chevron-right';
import { useState } from 'react';
import { RANGES, rangeById } from '../../lib/range';
import { dayAndClock } from '../../lib/time';
import { duration } from '../../lib/units';
import type { NodeView } from '../../lib/url-state';
import { IconButton } from '../../ui/button';
import { CustomRangeDialog } from './custom-range-dialog';

interface Props {
  view: NodeView;
  from: number;
  to: number;
  live: boolean;
  now: number;
  onView(change: Partial<NodeView>, push?: boolean): void;
}

/** Which stretch of time all charts show. "Live" is the right edge of every rolling range. */
export function RangeBar({ view, from, to, live, now, onView }: Props) {
  const [choosing, setChoosing] = useState(false);
  const fixed = view.fixed;
  const shift = (direction: 1 | -1) => {
    const wide = to - from;
    const next = { from: from + (direction * wide) / 2, to: to + (direction * wide) / 2 };
    // Past the present there is nothing: that is "live" again.
    onView({ fixed: next.to >= now && direction > 0 ? null : next }, true);
  };
  return (
    <div className="flex flex-wrap items-center gap-2">
      <fieldset className="flex min-w-0 max-w-full overflow-x-auto rounded-md border border-line-strong bg-panel p-px max-sm:mask-r-from-88% [scrollbar-width:none]">
        <legend className="sr-only">Range</legend>
        {RANGES.map((range) => {
          const on = !fixed && range.id === view.rangeId;
          return (
            <button
              key={range.id}
              type="button"
              aria-pressed={on}
              data-testid={`range-${range.id}`}
              onClick={() => onView({ rangeId: range.id, fixed: null }, true)}
              className={`h-7 shrink-0 rounded-[5px] px-2 text-xs whitespace-nowrap transition pointer-coarse:h-9 pointer-coarse:px-3 ${
                on ? 'bg-hover font-semibold text-text' : 'text-dim hover:text-text'
              }`}
            >
              {range.label}
            </button>
          );
        })}
        <button
          type="button"
          aria-pressed={fixed !== null}
          data-testid="range-custom"
          onClick={() => setChoosing(true)}
          className={`h-7 shrink-0 rounded-[5px] px-2 text-xs transition pointer-coarse:h-9 pointer-coarse:px-3 ${
            fixed ? 'bg-hover font-semibold text-text' : 'text-dim hover:text-text'
          }`}
        >
          Custom…
        </button>
      </fieldset>
      <div className="flex items-center">
        <IconButton label="Earlier" onClick={() => shift(-1)}>
          <ChevronLeft size={16} aria-hidden />
        </IconButton>
        <IconButton label="Later" disabled={!fixed} onClick={() => shift(1)}>
          <ChevronRight size={16} aria-hidden />
        </IconButton>
      </div>
      {fixed && (
        <span className="text-xs text-dim" data-testid="range-fixed">
          {dayAndClock(from, to - from < 3_600_000)} – {dayAndClock(to, to - from < 3_600_000)}
          <span className="text-faint"> ({duration(to - from)})</span>
        </span>
      )}
      <button
        type="button"
        aria-pressed={!fixed}
        title={fixed ? 'Back to the present' : undefined}
        onClick={() => onView({ fixed: null }, true)}
        className={`ml-auto flex h-7 items-center gap-2 rounded-md border px-2.5 text-xs transition pointer-coarse:h-9 ${
          fixed ? 'border-line-strong text-dim hover:bg-hover' : 'border-transparent text-dim'
        }`}
      >
        <span
          aria-hidden
          className={`size-1.5 rounded-full ${!fixed && live ? 'pulse bg-ok' : 'bg-faint'}`}
        />
        {fixed ? `Live, ${rangeById(view.rangeId).label}` : live ? 'Live' : 'Waiting for samples'}
      </button>
      {choosing && (
        <CustomRangeDialog
          from={from}
          to={to}
          onClose={() => setChoosing(false)}
          onChoose={(next) => {
            setChoosing(false);
            onView({ fixed: next }, true);
          }}
        />
      )}
    </div>
  );
}
