import { age, DAY_MS } from '../../lib/units';

/** `just now`, `12 min ago`. */
export function agoWords(ms: number): string {
  return ms < 60_000 ? 'just now' : `${age(ms)} ago`;
}

/** `in 3 d`, of what is to come. */
export function aheadWords(ms: number): string {
  if (ms < 60_000) return 'within a minute';
  // What was to last 90 days lasts 90 days a moment later too.
  return `in ${age(ms > DAY_MS ? ms + DAY_MS / 2 : ms)}`;
}
