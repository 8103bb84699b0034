import { type ApiError, api, asApiError } from '../../api/client';
import type { SeriesInfo } from '../../api/types';
import { derive, type RawSample } from '../../lib/rates';
import { live } from '../../live/store';
import { type Frame, frameFrom, type LivePoint, tailOf, withLive, withTail } from './frame';
import { type Group, type GroupId, groupsFor, partsOf } from './groups';

/** A rolling window that ends now, or a fixed one. */
export type TimeWindow = { rollingMs: number } | { from: number; to: number };

export interface SourceState {
  /** What the x axis shows. */
  from: number;
  to: number;
  frames: ReadonlyMap<GroupId, Frame>;
  errors: ReadonlyMap<GroupId, ApiError>;
  loading: boolean;
  /** True until the first answer to the first question. */
  first: boolean;
}

/** More live points than this are not kept: by then the history has them. */
const POINTS_MAX = 1_200;
/** History is committed in batches: samples from just before we began to watch appear in it a little later. */
const COMMIT_LAG_MS = 12_000;
const REFRESH_MS = 300_000;
const IDLE_TICK_MS = 2_000;
/** The list of series comes with the first live message: it tells how many there are to ask for. */
const LAYOUT_WAIT_MS = 400;
/** So much of what is there already is asked for once more: the last buckets were not whole. */
const AGAIN_MS = 60_000;
/** More points in the end of a window are asked for as a whole window again. */
const TAIL_POINTS_MAX = 300;

/** Everything the charts of one node are drawn from: history by window, with live samples at its right edge. */
export class NodeSource {
  private fetched = new Map<GroupId, Frame>();
  private errors = new Map<GroupId, ApiError>();
  /** Of which window and resolution that is. */
  private fetchedAs = '';
  private points: LivePoint[] = [];
  private layoutCame: () => void = () => {};
  private readonly layoutKnown = new Promise<void>((done) => {
    this.layoutCame = done;
  });
  private layout: { number: number; series: SeriesInfo[] } | null = null;
  private previous: RawSample | null = null;
  private window: TimeWindow = { rollingMs: 900_000 };
  private pointsWanted = 300;
  private intervalMs = 1_000;
  private groups = groupsFor(null);
  private cores: number | null = null;
  private request: AbortController | null = null;
  private refreshTimer: ReturnType<typeof setTimeout> | null = null;
  private ticker: ReturnType<typeof setInterval> | null = null;
  private unwatch: (() => void) | null = null;
  private state: SourceState;
  private readonly subscribers = new Set<() => void>();

  constructor(private readonly nodeId: number) {
    const now = this.serverNow();
    this.state = {
      from: now - 900_000,
      to: now,
      frames: new Map(),
      errors: new Map(),
      loading: true,
      first: true,
    };
  }

  readonly subscribe = (notify: () => void): (() => void) => {
    this.subscribers.add(notify);
    return () => this.subscribers.delete(notify);
  };
  readonly get = (): SourceState => this.state;

  start(): void {
    this.unwatch = live.watch(this.nodeId, {
      onLayout: (series, number) => {
        this.layout = { number, series };
        this.previous = null;
        this.layoutCame();
      },
      onSample: (sample) => this.onSample(sample),
      onReconnect: () => {
        this.previous = null;
        if ('rollingMs' in this.window || this.errors.size > 0) void this.fetch(COMMIT_LAG_MS);
      },
    });
    this.ticker = setInterval(() => this.onTick(), IDLE_TICK_MS);
  }

  stop(): void {
    this.unwatch?.();
    this.request?.abort();
    if (this.refreshTimer) clearTimeout(this.refreshTimer);
    if (this.ticker) clearInterval(this.ticker);
  }

  show(window: TimeWindow, pointsWanted: number, intervalMs: number, cores: number | null): void {
    this.window = window;
    if (cores !== this.cores) {
      this.cores = cores;
      this.groups = groupsFor(cores);
    }
    this.pointsWanted = pointsWanted;
    this.intervalMs = intervalMs;
    void this.fetch(COMMIT_LAG_MS);
  }

  readonly retry = (): void => {
    void this.fetch(COMMIT_LAG_MS);
  };

  private serverNow(): number {
    return Date.now() + live.fleet().skewMs;
  }

  /** The right edge: the newest sample while they come, else the clock. */
  private bounds(): { from: number; to: number } {
    if (!('rollingMs' in this.window)) return this.window;
    const now = this.serverNow();
    const newest = this.points.at(-1)?.time ?? 0;
    const to = Math.abs(now - newest) < 3 * this.intervalMs + 1_000 ? newest : now;
    return { from: to - this.window.rollingMs, to };
  }

  private async fetch(refreshInMs: number): Promise<void> {
    this.request?.abort();
    if (this.refreshTimer) clearTimeout(this.refreshTimer);
    const request = new AbortController();
    this.request = request;
    const rolling = 'rollingMs' in this.window;
    const { from, to } = rolling ? this.bounds() : (this.window as { from: number; to: number });
    this.publish({ loading: true });
    if (this.state.first && !this.layout) await this.layoutOr(LAYOUT_WAIT_MS);
    if (request.signal.aborted) return;
    const as = `${rolling ? (this.window as { rollingMs: number }).rollingMs : `${from}-${to}`}/${this.pointsWanted}`;
    const goesOn = rolling && as === this.fetchedAs;
    // What can't be had anew stays as it is: it is old, not gone.
    const fetched = new Map(this.fetched);
    const errors = new Map<GroupId, ApiError>();
    await Promise.all(
      this.groups.map(async (group) => {
        try {
          const before = goesOn ? this.fetched.get(group.id) : undefined;
          fetched.set(group.id, await this.ask(group, from, to, before, request.signal));
        } catch (cause) {
          if (!request.signal.aborted) errors.set(group.id, asApiError(cause));
        }
      }),
    );
    if (request.signal.aborted) return;
    this.fetched = fetched;
    this.fetchedAs = as;
    this.errors = errors;
    this.publish({ loading: false, first: false });
    if (rolling) this.refreshTimer = setTimeout(() => void this.fetch(REFRESH_MS), refreshInMs);
  }

  /** One group of the window; of one that is there already only what came since. */
  private async ask(
    group: Group,
    from: number,
    to: number,
    before: Frame | undefined,
    signal: AbortSignal,
  ): Promise<Frame> {
    const many = this.seriesOf(group);
    const query = { series: group.selectors, parts: partsOf(group, many), digits: group.digits, to };
    const frameOf = async (range: { from: number; points: number }, parts = query.parts): Promise<Frame> => {
      const history = await api.history(this.nodeId, { ...query, ...range, parts }, signal);
      return { ...frameFrom(history), fetchedTo: to };
    };
    if (before) {
      const end = tailOf(before, to, AGAIN_MS);
      const tail = end.points <= TAIL_POINTS_MAX && end.from > from ? await frameOf(end) : null;
      const joined = tail && withTail(before, tail);
      if (joined) return joined;
    }
    const whole = { from, points: this.pointsWanted };
    const frame = await frameOf(whole);
    // Nobody knew that there are few.
    const parts = partsOf(group, frame.tracks.size);
    if (many !== null || parts.length === query.parts.length || frame.tracks.size === 0) return frame;
    return frameOf(whole, parts);
  }

  /** How many series there are of a group; null while that is not known. */
  private seriesOf(group: Group): number | null {
    return this.layout ? this.layout.series.filter((info) => group.wants(info.key)).length : null;
  }

  private async layoutOr(ms: number): Promise<void> {
    await Promise.race([this.layoutKnown, new Promise<void>((done) => setTimeout(done, ms))]);
  }

  private onSample(sample: { layout: number; time_ms: number; values: (number | null)[] }): void {
    if (!this.layout || this.layout.number !== sample.layout) return;
    const series = this.layout.series;
    const raw: RawSample = { time_ms: sample.time_ms, values: sample.values };
    const newest = this.points.at(-1);
    // After a reconnect a Spider sends what it kept: old samples belong to the history.
    if (newest && sample.time_ms <= newest.time) return;
    this.points.push({ time: sample.time_ms, series, values: derive(series, this.previous, raw) });
    this.previous = raw;
    if (this.points.length > POINTS_MAX) {
      this.points = this.points.slice(-POINTS_MAX / 2);
      if ('rollingMs' in this.window) void this.fetch(REFRESH_MS);
    }
    if ('rollingMs' in this.window) this.publish({});
  }

  private onTick(): void {
    if (!('rollingMs' in this.window)) return;
    // Without samples the window still moves on.
    if (this.serverNow() - (this.points.at(-1)?.time ?? 0) > 3 * this.intervalMs + 1_000) this.publish({});
  }

  private publish(part: Partial<SourceState>): void {
    const { from, to } = this.bounds();
    let frames: Map<GroupId, Frame> = this.fetched;
    if ('rollingMs' in this.window) {
      frames = new Map();
      for (const group of this.groups) {
        const frame = this.fetched.get(group.id);
        if (frame) frames.set(group.id, withLive(frame, this.points, from, to, group.wants));
      }
    }
    this.state = { ...this.state, ...part, from, to, frames, errors: this.errors };
    for (const notify of this.subscribers) notify();
  }
}
