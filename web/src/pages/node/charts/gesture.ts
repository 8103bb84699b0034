/** Zoom and pan by touch: fingers stay over the moments that they were put on. */
export interface Window {
  from: number;
  to: number;
}

/** So close together two fingers say nothing about a distance. */
const APART_PX_MIN = 24;
const WIDE_MS_MIN = 10_000;

/** Where fingers were put on the plot, and which window was shown then. */
export interface Grip {
  window: Window;
  width: number;
  at: readonly number[];
}

/** The window with the fingers of `grip` now at `at`, both in pixels from the left of the plot. */
export function held({ window, width, at: begin }: Grip, at: readonly number[], latest: number): Window {
  const wide = window.to - window.from;
  const moment = (x: number) => window.from + (x / width) * wide;
  let from: number;
  let next = wide;
  if (begin.length >= 2 && at.length >= 2) {
    const apart = (list: readonly number[]) => Math.max(APART_PX_MIN, Math.abs(list[1]! - list[0]!));
    const middle = (list: readonly number[]) => (list[0]! + list[1]!) / 2;
    next = Math.max(WIDE_MS_MIN, (wide * apart(begin)) / apart(at));
    from = moment(middle(begin)) - (middle(at) / width) * next;
  } else {
    from = moment(begin[0]!) - (at[0]! / width) * next;
  }
  // There is nothing to the right of the present.
  const over = Math.max(0, from + next - latest);
  return { from: from - over, to: from + next - over };
}
