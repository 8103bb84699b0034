import type { Cell, Gap, History, SeriesInfo, SeriesKind } from '../../api/types';
import { parseSeriesKey } from '../../lib/series-key';

/** One series over a window: counters are per second here already. */
export interface Track {
  key: string;
  name: string;
  labels: Record<string, string>;
  kind: SeriesKind;
  avg: Cell[];
  min: Cell[];
  max: Cell[];
}

/** A window of history with the live samples that came since: what the charts are drawn from. */
export interface Frame {
  from: number;
  to: number;
  stepMs: number;
  tier: string;
  times: number[];
  tracks: Map<string, Track>;
  gaps: Gap[];
  /** Live samples later than this are not yet in the answer. */
  fetchedTo: number;
}

export function frameFrom(history: History): Frame {
  const tracks = new Map<string, Track>();
  for (const series of history.series) {
    const parsed = parseSeriesKey(series.key);
    if (!parsed) continue;
    const avg = series.avg ?? [];
    // Where no band is drawn nobody asks for its edges.
    const { min = avg, max = avg } = series;
    tracks.set(series.key, { key: series.key, ...parsed, kind: series.kind, avg, min, max });
  }
  return {
    from: history.from,
    to: history.to,
    stepMs: Math.max(1, history.step_ms),
    tier: history.tier,
    times: history.times,
    tracks,
    gaps: history.gaps ?? [],
    fetchedTo: history.to,
  };
}

/** A frame with what an answer has that came later, in buckets of the same size. Null: they are of another. */
export function withTail(frame: Frame, tail: Frame): Frame | null {
  const begin = tail.times[0];
  const first = frame.times[0];
  if (begin === undefined || first === undefined || tail.stepMs !== frame.stepMs) return null;
  const kept = Math.round((begin - first) / frame.stepMs);
  if (kept < 0 || kept > frame.times.length) return null;
  const tracks = new Map<string, Track>();
  const join = (before: readonly Cell[] | undefined, after: readonly Cell[] | undefined): Cell[] => [
    ...Array.from({ length: kept }, (_, index) => before?.[index] ?? null),
    ...Array.from({ length: tail.times.length }, (_, index) => after?.[index] ?? null),
  ];
  for (const key of new Set([...frame.tracks.keys(), ...tail.tracks.keys()])) {
    const [before, after] = [frame.tracks.get(key), tail.tracks.get(key)];
    const track = (after ?? before)!;
    tracks.set(key, {
      ...track,
      avg: join(before?.avg, after?.avg),
      min: join(before?.min, after?.min),
      max: join(before?.max, after?.max),
    });
  }
  return {
    ...tail,
    from: frame.from,
    times: [...frame.times.slice(0, kept), ...tail.times],
    tracks,
    gaps: [...frame.gaps.filter((gap) => gap.to <= tail.from), ...tail.gaps],
  };
}

/** The end of a frame that is asked for again: whole buckets, so that the answer has the same. */
export function tailOf(frame: Frame, to: number, againMs: number): { from: number; points: number } {
  const points = Math.max(1, Math.ceil((to - (frame.fetchedTo - againMs)) / frame.stepMs));
  return { from: to - points * frame.stepMs, points };
}

/** A live sample worked out: counters as rates, in the order of its layout. */
export interface LivePoint {
  time: number;
  series: readonly SeriesInfo[];
  values: readonly Cell[];
}

interface Bucket {
  count: number;
  sum: number;
  min: number;
  max: number;
}

/**
 * The frame as it stands with these live points, for a window that now ends at `to`.
 * Where history already has a bucket it wins, save for points later than the answer: those are mixed in.
 */
export function withLive(
  frame: Frame,
  points: readonly LivePoint[],
  from: number,
  to: number,
  wants: (key: string) => boolean,
): Frame {
  const step = frame.stepMs;
  const start = Math.floor(from / step) * step;
  const length = Math.max(1, Math.min(5_000, Math.floor((to - start) / step) + 1));
  const times = Array.from({ length }, (_, index) => start + index * step);
  const offset = frame.times.length > 0 ? Math.round((frame.times[0]! - start) / step) : 0;

  const tracks = new Map<string, Track>();
  const place = (cells: Cell[]): Cell[] => {
    const out: Cell[] = new Array<Cell>(length).fill(null);
    const begin = Math.max(0, -offset);
    for (let i = begin; i < cells.length && i + offset < length; i += 1) out[i + offset] = cells[i] ?? null;
    return out;
  };
  for (const [key, track] of frame.tracks) {
    tracks.set(key, { ...track, avg: place(track.avg), min: place(track.min), max: place(track.max) });
  }

  const buckets = new Map<string, Map<number, Bucket>>();
  const wanted = new Map<readonly SeriesInfo[], number[]>();
  for (const point of points) {
    const index = Math.floor((point.time - start) / step);
    if (index < 0 || index >= length) continue;
    let columns = wanted.get(point.series);
    if (!columns) {
      columns = point.series.flatMap((info, column) => (wants(info.key) ? [column] : []));
      wanted.set(point.series, columns);
    }
    for (const column of columns) {
      const { key, kind } = point.series[column]!;
      const value = point.values[column] ?? null;
      if (value === null) continue;
      let track = tracks.get(key);
      if (!track) {
        const parsed = parseSeriesKey(key);
        if (!parsed) continue;
        const empty = () => new Array<Cell>(length).fill(null);
        track = { key, ...parsed, kind, avg: empty(), min: empty(), max: empty() };
        tracks.set(key, track);
      }
      const hasHistory = track.avg[index] !== null && !buckets.get(key)?.has(index);
      if (hasHistory && point.time <= frame.fetchedTo) continue;
      let own = buckets.get(key);
      if (!own) {
        own = new Map();
        buckets.set(key, own);
      }
      let bucket = own.get(index);
      if (!bucket) {
        // History's part of a bucket under way weighs as one reading for each interval it may hold.
        bucket = hasHistory
          ? {
              count: Math.max(1, Math.round((frame.fetchedTo - (start + index * step)) / 1000)),
              sum: 0,
              min: track.min[index] ?? value,
              max: track.max[index] ?? value,
            }
          : { count: 0, sum: 0, min: value, max: value };
        bucket.sum = bucket.count * (track.avg[index] ?? 0);
        own.set(index, bucket);
      }
      bucket.count += 1;
      bucket.sum += value;
      bucket.min = Math.min(bucket.min, value);
      bucket.max = Math.max(bucket.max, value);
      track.avg[index] = bucket.sum / bucket.count;
      track.min[index] = bucket.min;
      track.max[index] = bucket.max;
    }
  }
  return { ...frame, from, to, times, tracks };
}

/** The tracks of one series name, in natural order of a label. */
const collator = new Intl.Collator(undefined, { numeric: true });
export function tracksByLabel(frame: Frame, name: string, label: string): { item: string; track: Track }[] {
  const found: { item: string; track: Track }[] = [];
  for (const track of frame.tracks.values()) {
    const item = track.labels[label];
    if (track.name === name && item !== undefined) found.push({ item, track });
  }
  return found.sort((a, b) => collator.compare(a.item, b.item));
}

/** The series of the whole machine: the one without labels. */
export function whole(frame: Frame, name: string): Track | null {
  return frame.tracks.get(name) ?? null;
}

export function hasValues(cells: readonly Cell[]): boolean {
  return cells.some((cell) => cell !== null);
}

/** Cell by cell; null as soon as one part is absent. */
export function combine(parts: readonly (readonly Cell[])[], join: (...values: number[]) => number): Cell[] {
  const length = parts[0]?.length ?? 0;
  return Array.from({ length }, (_, index) => {
    const values: number[] = [];
    for (const part of parts) {
      const value = part[index];
      if (value === null || value === undefined) return null;
      values.push(value);
    }
    return join(...values);
  });
}
