import type { Span } from '../../lib/ansi';

export interface Range {
  from: number;
  to: number;
  current: boolean;
}

export interface Piece extends Span {
  hit: 'no' | 'yes' | 'current';
}

/** Spans cut where the found ranges begin and end. Ranges are in order and don't overlap. */
export function highlight(spans: readonly Span[], ranges: readonly Range[]): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const span of spans) {
    const end = at + span.text.length;
    let from = at;
    const cut = (to: number, hit: Piece['hit']) => {
      if (to > from) pieces.push({ text: span.text.slice(from - at, to - at), style: span.style, hit });
      from = Math.max(from, to);
    };
    for (const range of ranges) {
      if (range.to <= at || range.from >= end) continue;
      cut(Math.max(range.from, at), 'no');
      cut(Math.min(range.to, end), range.current ? 'current' : 'yes');
    }
    cut(end, 'no');
    at = end;
  }
  return pieces;
}
