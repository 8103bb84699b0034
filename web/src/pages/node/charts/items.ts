import type { Cell } from '../../../api/types';
import { type BuildContext, COLORS, colorAt, type Line } from './model';

/** More items than this at once are a tangle, and there are no more colours: the others wait in the legend. */
export const ITEMS_SHOWN_MAX = COLORS.length;
/** An item that is shown gives its place up only to one that is this much further ahead. */
const PLACES_OF_GRACE = 4;

export interface Ranked {
  item: string;
  /** Waits in the legend. */
  quiet: boolean;
  color: string;
  /** Drawn with dashes, where its colour is another's already. */
  again: boolean;
}

const collator = new Intl.Collator(undefined, { numeric: true });

export function mean(cells: readonly Cell[]): number {
  let sum = 0;
  let count = 0;
  for (const cell of cells) {
    if (cell === null) continue;
    sum += cell;
    count += 1;
  }
  return count === 0 ? 0 : sum / count;
}

/** Who is shown, most first. Stays as it was while new readings only change the order a little. */
function steady(key: string, order: readonly string[], context: Pick<BuildContext, 'memory'>): string[] {
  const near = new Set(order.slice(0, ITEMS_SHOWN_MAX + PLACES_OF_GRACE));
  const kept = (context.memory?.get(key) ?? []).filter((item) => near.has(item));
  const shown = [...kept, ...order.filter((item) => !kept.includes(item))].slice(0, ITEMS_SHOWN_MAX);
  context.memory?.set(key, shown);
  return shown;
}

/**
 * Items in natural order, each with its colour: the first ones, which stay apart best, go to those with the
 * most weight. Items of weight 0 and beyond the first few wait in the legend, unless nothing else is there.
 */
export function rank(
  key: string,
  weights: ReadonlyMap<string, number>,
  context: Pick<BuildContext, 'memory'>,
): Ranked[] {
  const order = [...weights]
    .filter(([, weight]) => weight > 0)
    .sort((a, b) => b[1] - a[1] || collator.compare(a[0], b[0]))
    .map(([item]) => item);
  const natural = [...weights.keys()].sort(collator.compare);
  // Where all are still, they are shown as far as the colours go.
  const shown = steady(key, order.length > 0 ? order : natural, context);
  const place = new Map(shown.map((item, index) => [item, index]));
  let next = shown.length;
  return natural.map((item) => {
    const at = place.get(item) ?? next++;
    return { item, quiet: !place.has(item), color: colorAt(at), again: at >= COLORS.length };
  });
}

/** Gives lines of one item each their colours, and lets those that say least wait in the legend. */
export function ranked(
  key: string,
  lines: readonly Line[],
  context: Pick<BuildContext, 'memory'>,
  weight: (line: Line) => number = (line) => mean(line.values),
): Line[] {
  const places = new Map(
    rank(key, new Map(lines.map((line) => [line.item, weight(line)])), context).map((one) => [one.item, one]),
  );
  return lines.map((line) => {
    const { color, quiet, again } = places.get(line.item)!;
    return { ...line, color, again, hiddenByDefault: quiet };
  });
}
