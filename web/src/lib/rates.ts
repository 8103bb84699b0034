import type { Cell, SeriesInfo } from '../api/types';

export interface RawSample {
  time_ms: number;
  values: readonly Cell[];
}

/**
 * What two consecutive raw samples say at the later one's time: gauges as they are, counters per second.
 * A counter that went backwards was reset (a reboot, a device that came back): it counted from zero, so its
 * new value is what was counted since, exactly as history does it.
 * Null where nothing can be said: no value, or no earlier one to compare with.
 */
export function derive(
  series: readonly SeriesInfo[],
  previous: RawSample | null,
  current: RawSample,
): Cell[] {
  const elapsedMs = previous ? current.time_ms - previous.time_ms : 0;
  return series.map((info, index) => {
    const now = current.values[index] ?? null;
    if (now === null || info.kind === 'gauge') return now;
    const before = previous?.values[index] ?? null;
    if (before === null || elapsedMs <= 0) return null;
    const increase = now >= before ? now - before : now;
    return (increase * 1000) / elapsedMs;
  });
}
