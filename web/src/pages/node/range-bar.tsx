import ChevronLeft from 'lucide-react/icons/chevron-left';
import ChevronRight from 'lucide-react/icons/chevron-right';
import { useEffect, useRef, useState } from 'react';
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
  const span = `${dayAndClock(from, to - from < 3_600_000)} – ${dayAndClock(to, to - from < 3_600_000)} (${duration(to - from)})`;
  const shift = (direction: 1 | -1) => {
    const wide = to - from;
    const next = { from: from + (direction * wide) / 2, to: to + (direction * wide) / 2 };
    // Past the present there is nothing: that is "live" again.
    onView({ fixed: next.to >= now && direction > 0 ? null : next }, true);
  };
  const choice = 'h-7 shrink-0 rounded-[5px] px-2 text-xs whitespace-nowrap transition pointer-coarse:h-9';
  const look = (on: boolean) => (on ? 'bg-hover font-semibold text-text' : 'text-dim hover:text-text');
  const ranges = useRef<HTMLFieldSetElement>(null);
  const chosen = fixed ? 'custom' : view.rangeId;
  useEffect(() => {
    // On a phone not all of them are in view: the one that is on is.
    const box = ranges.current;
    const on = box?.querySelector<HTMLElement>(`[data-range="${chosen}"]`);
    if (box && on) box.scrollLeft = on.offsetLeft - (box.clientWidth - on.offsetWidth) / 2;
  }, [chosen]);
  return (
    <div data-screen className="grid grid-cols-1 gap-1">
      <div className="flex items-center gap-1 sm:gap-2">
        <IconButton label="Earlier" onClick={() => shift(-1)} className="max-sm:-ml-2 sm:order-2">
          <ChevronLeft size={16} aria-hidden />
        </IconButton>
        <fieldset
          ref={ranges}
          className="relative flex min-w-0 overflow-x-auto rounded-md border border-line-strong bg-panel p-px [scrollbar-width:none] sm:order-1"
        >
          <legend className="sr-only">Range</legend>
          {RANGES.map((range) => {
            const on = !fixed && range.id === view.rangeId;
            return (
              <button
                key={range.id}
                type="button"
                aria-pressed={on}
                data-range={range.id}
                data-testid={`range-${range.id}`}
                onClick={() => onView({ rangeId: range.id, fixed: null }, true)}
                className={`${choice} ${look(on)}`}
              >
                {range.label}
              </button>
            );
          })}
          <button
            type="button"
            aria-pressed={fixed !== null}
            data-range="custom"
            data-testid="range-custom"
            onClick={() => setChoosing(true)}
            className={`${choice} ${look(fixed !== null)}`}
          >
            Custom…
          </button>
        </fieldset>
        <IconButton label="Later" disabled={!fixed} onClick={() => shift(1)} className="sm:order-3 sm:-ml-2">
          <ChevronRight size={16} aria-hidden />
        </IconButton>
        {fixed && (
          <span className="order-4 min-w-0 truncate text-xs text-dim max-lg:hidden" data-testid="range-fixed">
            {span}
          </span>
        )}
        <button
          type="button"
          aria-pressed={!fixed}
          title={fixed ? 'Back to the present' : undefined}
          onClick={() => onView({ fixed: null }, true)}
          className={`order-5 ml-auto flex h-7 shrink-0 items-center gap-2 rounded-md border px-2 text-xs transition pointer-coarse:h-9 ${
            fixed ? 'border-line-strong text-dim hover:bg-hover' : 'border-transparent text-dim'
          }`}
        >
          <span
            aria-hidden
            className={`size-1.5 rounded-full ${!fixed && live ? 'pulse bg-ok' : 'bg-faint'}`}
          />
          <span className="max-sm:hidden">
            {fixed ? `Live, ${rangeById(view.rangeId).label}` : live ? 'Live' : 'Waiting for samples'}
          </span>
          <span className="sm:hidden">{fixed || live ? 'Live' : 'Waiting'}</span>
        </button>
      </div>
      {fixed && <span className="truncate text-xs text-dim lg:hidden">{span}</span>}
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
