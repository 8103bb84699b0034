import { DAY_MS } from './units';

export interface RangeChoice {
  id: string;
  label: string;
  ms: number;
}

const MINUTE_MS = 60_000;

export const RANGES: readonly RangeChoice[] = [
  { id: '5m', label: '5 min', ms: 5 * MINUTE_MS },
  { id: '15m', label: '15 min', ms: 15 * MINUTE_MS },
  { id: '1h', label: '1 h', ms: 60 * MINUTE_MS },
  { id: '6h', label: '6 h', ms: 360 * MINUTE_MS },
  { id: '24h', label: '24 h', ms: DAY_MS },
  { id: '7d', label: '7 d', ms: 7 * DAY_MS },
  { id: '30d', label: '30 d', ms: 30 * DAY_MS },
  { id: '90d', label: '90 d', ms: 90 * DAY_MS },
  { id: '1y', label: '1 y', ms: 365 * DAY_MS },
  { id: '5y', label: '5 y', ms: 5 * 365 * DAY_MS },
];

export const DEFAULT_RANGE_ID = '15m';
/** A window smaller than this holds nothing to see. */
export const WINDOW_MS_MIN = 10_000;
export const WINDOW_MS_MAX = 20 * 365 * DAY_MS;

export function rangeById(id: string | null): RangeChoice {
  return RANGES.find((range) => range.id === id) ?? RANGES.find((range) => range.id === DEFAULT_RANGE_ID)!;
}

/** How many buckets to ask for: never finer than the node samples, else most would be empty. */
export function pointsFor(windowMs: number, intervalMs: number | null | undefined, pointsMax = 300): number {
  const possible = Math.floor(windowMs / Math.max(200, intervalMs ?? 1000));
  return Math.max(10, Math.min(pointsMax, possible));
}
