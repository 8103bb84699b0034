import type { Cell, Gap } from '../api/types';

/** The gaps of a node as they lie in a window: clipped, in order, neighbours of one cause joined. */
export function gapsInWindow(gaps: readonly Gap[], from: number, to: number, joinMs = 0): Gap[] {
  const inside = gaps
    .filter((gap) => gap.to > from && gap.from < to && gap.to > gap.from)
    .map((gap) => ({ ...gap, from: Math.max(gap.from, from), to: Math.min(gap.to, to) }))
    .sort((a, b) => a.from - b.from || a.to - b.to);
  const joined: Gap[] = [];
  for (const gap of inside) {
    const last = joined.at(-1);
    if (last && last.cause === gap.cause && last.text === gap.text && gap.from <= last.to + joinMs) {
      last.to = Math.max(last.to, gap.to);
    } else {
      joined.push(gap);
    }
  }
  return joined;
}

export function gapAt(gaps: readonly Gap[], time: number): Gap | null {
  return gaps.find((gap) => time >= gap.from && time <= gap.to) ?? null;
}

const CAUSES: Record<string, string> = {
  server_down: 'Ground Control was not running',
  link_down: 'The link to the node was down',
  spider_restarted: 'The Spider was restarted',
  node_off: 'The node was off',
  suspended: 'The node was asleep',
  unknown: 'No samples, cause unknown',
};

export function gapWords(gap: Gap): string {
  return gap.text || CAUSES[gap.cause] || CAUSES.unknown!;
}

/**
 * Buckets can be finer than the node's interval: then most are empty and nothing is missing. Such short runs
 * are made `undefined` (the line goes on), long ones and reported gaps stay `null` (the line is broken).
 */
export function bridgeShortHoles(
  times: readonly number[],
  values: readonly Cell[],
  bridgeMs: number,
  gaps: readonly Gap[],
): (number | null | undefined)[] {
  const out: (number | null | undefined)[] = values.slice();
  let last = -1;
  for (let i = 0; i < out.length; i += 1) {
    if (out[i] === null || out[i] === undefined) continue;
    if (last >= 0 && i - last > 1 && times[i]! - times[last]! <= bridgeMs) {
      const broken = gaps.some((gap) => gap.from < times[i]! && gap.to > times[last]!);
      if (!broken) out.fill(undefined, last + 1, i);
    }
    last = i;
  }
  return out;
}

/**
 * Stretches between readings that are too long to be one step of a node, and that nothing explains: whoever
 * looks is to see that something is missing, also where the history has no reason for it.
 */
export function silentStretches(
  times: readonly number[],
  present: readonly boolean[],
  stepMs: number,
  bridgeMs: number,
  gaps: readonly Gap[],
): Gap[] {
  const found: Gap[] = [];
  let last = -1;
  for (let i = 0; i < times.length; i += 1) {
    if (!present[i]) continue;
    if (last >= 0 && times[i]! - times[last]! > bridgeMs) {
      found.push(...unexplained({ from: times[last]! + stepMs, to: times[i]! }, stepMs, gaps));
    }
    last = i;
  }
  return found;
}

/** What of a stretch no gap covers; edges that are a step or two of history apart are the same edge. */
function unexplained(stretch: { from: number; to: number }, stepMs: number, gaps: readonly Gap[]): Gap[] {
  let rest = [stretch];
  for (const gap of gaps) {
    rest = rest.flatMap(({ from, to }) =>
      gap.to <= from || gap.from >= to
        ? [{ from, to }]
        : [
            { from, to: Math.min(to, gap.from) },
            { from: Math.max(from, gap.to), to },
          ],
    );
  }
  return rest
    .filter(({ from, to }) => to - from > (to - from === stretch.to - stretch.from ? 0 : 2 * stepMs))
    .map(({ from, to }) => ({ from, to, cause: 'silent', text: 'No samples came, and nobody said why' }));
}
