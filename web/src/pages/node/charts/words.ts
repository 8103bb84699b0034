import type { Cell, Gap } from '../../../api/types';
import { gapAt, gapWords } from '../../../lib/gaps';
import { displayName } from '../../../lib/names';
import { moment } from '../../../lib/time';
import type { BuildContext, ChartData, ChartDef, Line } from './model';
import { valueAt } from './plot-data';

/** As many lines are read out; who wants more has the legend. */
const LINES_SAID_MAX = 8;

function bounds(cells: readonly Cell[]): { least: number; most: number; last: number } | null {
  let least = Number.POSITIVE_INFINITY;
  let most = Number.NEGATIVE_INFINITY;
  let last: number | null = null;
  for (const cell of cells) {
    if (cell === null) continue;
    least = Math.min(least, cell);
    most = Math.max(most, cell);
    last = cell;
  }
  return last === null ? null : { least, most, last };
}

/** What a chart shows, for who can't see it: each line with its last reading and its bounds. */
export function chartWords(
  def: Pick<ChartDef, 'format'>,
  data: ChartData,
  context: BuildContext,
  visible: (line: Line) => boolean,
): string {
  const shown = data.lines.filter((line) => !line.reference && visible(line));
  const said = shown.slice(0, LINES_SAID_MAX).map((line) => {
    const found = bounds(line.values);
    if (!found) return `${line.label}: no readings`;
    const say = (value: number) => def.format(value, context);
    return `${line.label}: ${say(found.last)}, between ${say(found.least)} and ${say(found.most)}`;
  });
  const more = shown.length - said.length;
  return [...said, ...(more > 0 ? [`and ${more} more`] : [])].join('; ') || 'No readings.';
}

/** What a chart shows at one moment. */
export function momentWords(
  def: Pick<ChartDef, 'format'>,
  data: ChartData,
  context: BuildContext,
  visible: (line: Line) => boolean,
  at: { index: number; time: number },
  options: { stepMs: number; bridgeMs: number; gaps: readonly Gap[] },
): string {
  const time = moment(data.times[at.index] ?? at.time, options.stepMs);
  const values = data.lines
    .filter((line) => !line.reference && visible(line))
    .map((line) => ({ line, value: valueAt(data.times, line.values, at.index, options.bridgeMs) }))
    .filter(({ value }) => value !== null);
  if (values.length === 0) {
    const gap = gapAt(options.gaps, at.time);
    return `${time}: no reading${gap ? `, ${displayName(gapWords(gap), 200)}` : ''}`;
  }
  const said = values
    .slice(0, LINES_SAID_MAX)
    .map(({ line, value }) => `${line.label} ${def.format(value!, context)}`);
  return `${time}: ${said.join(', ')}`;
}
