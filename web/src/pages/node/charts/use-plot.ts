import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react';
import uPlot from 'uplot';
import type { Gap } from '../../../api/types';
import type { BuildContext, ChartDef } from './model';
import { readPalette } from './palette';
import type { Plot } from './plot-data';
import { isHolding, watchTouch } from './touch';
import { optionsFor, SYNC_KEY } from './uplot-options';

export interface CursorAt {
  index: number;
  left: number;
  /** How far down, from 0 at the top to 1. */
  down: number;
  time: number;
  /** The pointer is over this very chart, not over a neighbour. */
  here: boolean;
}

interface Args {
  box: RefObject<HTMLDivElement | null>;
  def: ChartDef;
  plot: Plot;
  context: BuildContext;
  from: number;
  to: number;
  gaps: readonly Gap[];
  stepMs: number;
  theme: string;
  onZoom(from: number, to: number): void;
  onReset(): void;
  onCursor(at: CursorAt | null): void;
}

/** The cursor by keyboard: a step to either side, or to an end. */
export type CursorMove = -10 | -1 | 1 | 10 | 'first' | 'last';

/** Keeps one uPlot in `box`: built anew when its lines change, fed when only its data do. */
export function usePlot(args: Args): { move(step: CursorMove): void; hide(): void } {
  const latest = useRef(args);
  const chart = useRef<uPlot | null>(null);
  const inView = useRef(true);
  const behind = useRef(false);
  const drawn = useRef({ from: 0, to: 0 });
  const { box, plot, def, context, from, to, theme } = args;
  useLayoutEffect(() => {
    latest.current = args;
  });

  const shape = [
    theme,
    context.netUnit,
    String(plot.heat),
    ...plot.series.map(({ line, role }) => `${role}:${line.id}:${line.color}`),
  ].join('|');

  const report = (self: uPlot) => {
    const { left, top } = self.cursor;
    if (left === undefined || left < 0) {
      latest.current.onCursor(null);
      return;
    }
    const time = self.posToVal(left, 'x');
    latest.current.onCursor({
      index: self.valToIdx(time),
      left,
      down: (top ?? 0) / Math.max(1, self.over.clientHeight),
      time,
      here: self.over.matches(':hover') || box.current === document.activeElement,
    });
  };

  const feed = useRef(() => {});
  feed.current = () => {
    const self = chart.current;
    const now = latest.current;
    if (!self) return;
    // Another window is drawn everywhere at once; out of view, only the creep of live data waits.
    const wide = now.to - now.from;
    const jumped =
      Math.abs(wide - (drawn.current.to - drawn.current.from)) > 1 ||
      Math.abs(now.to - drawn.current.to) > wide / 20;
    if (isHolding() || (!jumped && (!inView.current || document.hidden))) {
      behind.current = true;
    } else {
      behind.current = false;
      drawn.current = { from: now.from, to: now.to };
      self.batch(() => {
        self.setData(now.plot.data as uPlot.AlignedData, false);
        self.setScale('x', { min: now.from, max: now.to });
      });
      // The data moved on under a pointer at rest: what it points at is another reading now.
      if (self.over.matches(':hover') || box.current === document.activeElement) report(self);
    }
    box.current?.setAttribute('data-points', String(now.plot.points));
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: `shape` says all that makes another chart of it.
  useLayoutEffect(() => {
    const element = box.current!;
    const now = latest.current;
    const options = optionsFor(def, now.plot, context, readPalette(), element.clientWidth || 400, {
      gaps: () => latest.current.gaps,
      stepMs: () => latest.current.stepMs,
      onZoom: (a, b) => latest.current.onZoom(a, b),
      onReset: () => latest.current.onReset(),
      onCursor: report,
    });
    options.scales!.x!.min = now.from;
    options.scales!.x!.max = now.to;
    const self = new uPlot(options, now.plot.data as uPlot.AlignedData, element);
    chart.current = self;
    feed.current();
    const letGo = watchTouch({
      plot: self,
      syncKey: SYNC_KEY,
      latest: () => Math.max(Date.now(), latest.current.to),
      onWindow: ({ from, to }) => latest.current.onZoom(from, to),
    });
    return () => {
      letGo();
      chart.current = null;
      self.destroy();
    };
  }, [shape]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: fed whenever the data or the window change.
  useEffect(() => feed.current(), [plot, from, to]);

  useEffect(() => {
    const element = box.current!;
    const resize = new ResizeObserver(() => {
      const self = chart.current;
      if (self && element.clientWidth > 0 && element.clientWidth !== self.width) {
        self.setSize({ width: element.clientWidth, height: self.height });
      }
    });
    resize.observe(element);
    // Live data redraw only what can be seen; the rest catches up when it comes into view.
    const seen = new IntersectionObserver(
      ([entry]) => {
        inView.current = entry?.isIntersecting ?? true;
        if (inView.current && behind.current) feed.current();
      },
      { rootMargin: '200px' },
    );
    seen.observe(element);
    const onVisible = () => {
      if (!document.hidden && behind.current) feed.current();
    };
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      resize.disconnect();
      seen.disconnect();
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [box]);

  return {
    move(step) {
      const self = chart.current;
      if (!self) return;
      const times = self.data[0]!;
      const [first, last] = self.series[0]!.idxs ?? [0, times.length - 1];
      const { left } = self.cursor;
      const here = left === undefined || left < 0 ? last : self.posToIdx(left);
      const next = step === 'first' ? first : step === 'last' ? last : here + step;
      const at = times[Math.max(first, Math.min(last, next))];
      if (at === undefined) return;
      self.setCursor({ left: self.valToPos(at, 'x'), top: self.over.clientHeight / 2 });
    },
    hide() {
      chart.current?.setCursor({ left: -10, top: -10 });
    },
  };
}
