import type { Gap } from '../../../api/types';
import { gapAt, gapWords } from '../../../lib/gaps';
import { displayName } from '../../../lib/series-key';
import { clock, dayAndClock, moment } from '../../../lib/time';
import { duration } from '../../../lib/units';
import type { BuildContext, ChartData, ChartDef, Line } from './model';
import { valueAt } from './plot-data';
import type { CursorAt } from './use-plot';

const ROWS_MAX = 14;

interface Props {
  def: ChartDef;
  data: ChartData;
  context: BuildContext;
  cursor: CursorAt;
  gaps: readonly Gap[];
  stepMs: number;
  bridgeMs: number;
  visible(line: Line): boolean;
  heat: boolean;
}

/** All values at the cursor, or why there are none. */
export function Tooltip({ def, data, context, cursor, gaps, stepMs, bridgeMs, visible, heat }: Props) {
  const gap = gapAt(gaps, cursor.time);
  const time = data.times[cursor.index] ?? cursor.time;
  let rows = data.lines
    .filter(visible)
    .map((line) => ({
      line,
      value: valueAt(data.times, line.values, cursor.index, bridgeMs),
      low: line.band ? valueAt(data.times, line.band.min, cursor.index, bridgeMs) : null,
      high: line.band ? valueAt(data.times, line.band.max, cursor.index, bridgeMs) : null,
    }))
    .filter(({ value }) => value !== null);
  const all = rows.length;
  // On a map the row under the pointer is what was asked for; the busiest follow.
  const pointed = heat ? rows[Math.min(all - 1, Math.max(0, Math.floor(cursor.down * all)))] : undefined;
  if (all > ROWS_MAX) {
    // Of many, the largest say most.
    rows = rows.toSorted((a, b) => b.value! - a.value!).slice(0, pointed ? 6 : ROWS_MAX);
    if (pointed) rows = [pointed, ...rows.filter((row) => row !== pointed)];
  }
  const total =
    def.stacked && def.max
      ? rows.filter(({ line }) => !line.dashed && !line.figure).reduce((sum, { value }) => sum + value!, 0)
      : null;
  const onLeft = cursor.left > 260;
  return (
    <div
      role="tooltip"
      className="pointer-events-none absolute top-1 z-10 w-max max-w-72 rounded-md border border-line-strong bg-raised px-2.5 py-2 text-2xs shadow-lg shadow-black/20"
      style={
        onLeft ? { right: `calc(100% - ${68 + cursor.left - 12}px)` } : { left: `${68 + cursor.left + 12}px` }
      }
    >
      {gap && rows.length === 0 ? (
        <>
          <p className="font-semibold">No data for {duration(gap.to - gap.from)}</p>
          <p className="text-dim">
            {gap.to - gap.from < 86_400_000
              ? `${dayAndClock(gap.from)} to ${clock(gap.to)}`
              : `${dayAndClock(gap.from, false)} to ${dayAndClock(gap.to, false)}`}
          </p>
          <p className="mt-1 max-w-60 wrap-anywhere">{displayName(gapWords(gap), 200)}</p>
        </>
      ) : (
        <>
          <p className="mb-1 text-dim">
            {moment(time, stepMs)}
            {stepMs >= 60_000 && <span className="text-faint"> · {duration(stepMs)}</span>}
          </p>
          {rows.length === 0 && <p className="text-dim">No reading here</p>}
          <table>
            <tbody>
              {rows.map(({ line, value, low, high }) => (
                <tr key={line.id} className={pointed?.line === line ? 'font-semibold' : ''}>
                  <td className="pr-1.5 align-middle">
                    <span
                      aria-hidden
                      className="block h-0.5 w-2.5 rounded-full"
                      style={{
                        visibility: line.figure ? 'hidden' : undefined,
                        background: `var(--${heat ? 's1' : line.color})`,
                        opacity: heat ? Math.max(0.08, value! / 100) : 1,
                      }}
                    />
                  </td>
                  <td className="max-w-36 truncate pr-3 text-dim">{line.label}</td>
                  <td className="text-right whitespace-nowrap">{def.format(value!, context)}</td>
                  {low !== null && high !== null && high > low && (
                    <td className="pl-2 whitespace-nowrap text-faint">
                      {def.format(low, context)} – {def.format(high, context)}
                    </td>
                  )}
                </tr>
              ))}
              {total !== null && rows.length > 1 && (
                <tr className="border-t border-line">
                  <td />
                  <td className="pr-3 text-dim">together</td>
                  <td className="text-right">{def.format(total, context)}</td>
                </tr>
              )}
            </tbody>
          </table>
          {all > rows.length && <p className="mt-1 text-faint">and {all - rows.length} more</p>}
        </>
      )}
    </div>
  );
}
