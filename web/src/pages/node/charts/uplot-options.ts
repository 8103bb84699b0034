import type uPlot from 'uplot';
import type { Gap } from '../../../api/types';
import { drawHeat } from './heat';
import type { BuildContext, ChartDef, Line } from './model';
import { hatchPattern, type Palette } from './palette';
import type { Plot } from './plot-data';
import { marksOf, niceScale, type Scale, timeMark } from './scale';

export const CHART_HEIGHT = 168;
export const SYNC_KEY = 'node';
const AXIS_WIDTH = 68;
const PAD_RIGHT = 8;

export interface PlotEvents {
  gaps(): readonly Gap[];
  stepMs(): number;
  onZoom(from: number, to: number): void;
  onReset(): void;
  onCursor(plot: uPlot): void;
}

/** Points are drawn only where a reading stands alone, between holes: a line of one point is invisible. */
function lonelyPoints(plot: uPlot, seriesIndex: number): number[] {
  const values = plot.data[seriesIndex]!;
  const [first, last] = plot.series[0]!.idxs ?? [0, values.length - 1];
  const lonely: number[] = [];
  for (let i = first; i <= last; i += 1) {
    if (values[i] == null) continue;
    const before = i === 0 || values[i - 1] === null;
    const after = i === values.length - 1 || values[i + 1] === null;
    if (before && after) lonely.push(i);
  }
  return lonely;
}

const measured = new Map<string, number>();
const pen = document.createElement('canvas').getContext('2d');
/** Half of how wide words are on the axis, in CSS pixels, and a pixel to spare. */
function halfWidth(words: string, font: string): number {
  // Digits of one width: what counts is their number.
  const shape = `${font}${words.replace(/\d/g, '0')}`;
  let half = measured.get(shape);
  if (half === undefined) {
    if (pen) pen.font = font;
    half = (pen?.measureText(words).width ?? words.length * 7) / 2 + 1;
    if (measured.size > 500) measured.clear();
    measured.set(shape, half);
  }
  return half;
}

function drawGaps(plot: uPlot, gaps: readonly Gap[], palette: Palette): void {
  if (gaps.length === 0) return;
  const { ctx, bbox } = plot;
  const pattern = hatchPattern(ctx, palette('hatch'));
  if (!pattern) return;
  ctx.save();
  ctx.fillStyle = pattern;
  for (const gap of gaps) {
    const left = Math.max(bbox.left, plot.valToPos(gap.from, 'x', true));
    const right = Math.min(bbox.left + bbox.width, plot.valToPos(gap.to, 'x', true));
    // Even the shortest gap can be seen.
    if (right > bbox.left && left < bbox.left + bbox.width) {
      ctx.fillRect(left, bbox.top, Math.max(right - left, 2 * devicePixelRatio), bbox.height);
    }
  }
  ctx.restore();
}

/** The map's scale names its last row, at the bottom, and its first. */
function heatMarks(plot: Plot): string[] {
  return [plot.series.at(-1)?.line.label ?? '', plot.series[0]?.line.label ?? ''];
}

export function optionsFor(
  def: ChartDef,
  plot: Plot,
  context: BuildContext,
  palette: Palette,
  width: number,
  events: PlotEvents,
): uPlot.Options {
  const bits = def.id === 'network' && context.netUnit === 'bits';
  const base = bits ? 10 : (def.base ?? 10);
  let scale: Scale = { min: 0, max: 1, step: 1 };
  // A light wash down to zero gives few lines some body; under many it would only be mud.
  const lines = plot.series.filter(({ line, role }) => role === 'line' && !line.reference);
  const washed = (line: Line) =>
    !line.reference &&
    !line.dashed &&
    !def.stacked &&
    !def.withoutZero &&
    lines.length <= (line.paired ? 4 : 1);
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const axis = {
    stroke: palette('faint'),
    font,
    grid: { stroke: palette('line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: CHART_HEIGHT,
    ms: 1,
    padding: [8, PAD_RIGHT, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: true, y: false, setScale: false },
      points: { show: false },
      sync: {
        key: SYNC_KEY,
        // Only the place is shared: a drag in one chart must not zoom once for each of them.
        filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave' },
      },
      bind: {
        dblclick: () => () => {
          events.onReset();
          return null;
        },
      },
    },
    scales: {
      x: { time: true, auto: false },
      y: {
        range: (_plot, min, max) => {
          if (plot.heat) {
            scale = { min: 0, max: plot.series.length, step: plot.series.length };
            return [0, plot.series.length];
          }
          const top = def.max ?? Math.max(max ?? 0, def.maxAtLeast ?? 0);
          scale = def.max
            ? { min: 0, max: def.max, step: def.max / 4 }
            : niceScale(Math.min(min ?? 0, top), top, base, bits ? 8 : 1, 4, !def.withoutZero);
          return [scale.min, scale.max];
        },
      },
    },
    axes: [
      {
        ...axis,
        size: 24,
        space: 72,
        gap: 6,
        values: (self, splits, _axis, _space, distance) => {
          const { min, max } = self.scales.x!;
          const wide = self.width - AXIS_WIDTH - PAD_RIGHT;
          return splits.map((ms) => {
            const words = timeMark(ms, distance);
            const right = wide * (1 - (ms - (min ?? ms)) / ((max ?? ms) - (min ?? ms) || 1)) + PAD_RIGHT;
            // Half of it would lie beyond the edge: half a time is none.
            return right < halfWidth(words, font) ? '' : words;
          });
        },
      },
      {
        ...axis,
        size: AXIS_WIDTH,
        gap: 8,
        splits: () => (plot.heat ? [0, scale.max] : marksOf(scale)),
        grid: plot.heat ? { show: false } : axis.grid,
        values: (_plot, splits) =>
          plot.heat
            ? heatMarks(plot)
            : splits.map((value) => (value === 0 ? '0' : def.format(Math.abs(value), context))),
      },
    ],
    series: [
      {},
      ...plot.series.map(({ line, role }): uPlot.Series => {
        if (role === 'heat') return { paths: () => null, points: { show: false } };
        if (role === 'edge') return { stroke: 'transparent', width: 0, points: { show: false } };
        return {
          stroke: palette(line.color),
          width: 1.25,
          dash: line.dashed ? [4, 4] : line.again ? [7, 2] : undefined,
          fill:
            role === 'area' ? palette(line.color, 0.3) : washed(line) ? palette(line.color, 0.09) : undefined,
          points: {
            show: (self, index) => !line.reference && lonelyPoints(self, index).length > 0,
            filter: (self, index) => lonelyPoints(self, index),
            size: 4,
            fill: palette(line.color),
          },
        };
      }),
    ],
    bands: plot.bands.map((band) => ({
      series: [band.upper, band.lower] as [number, number],
      fill: palette(band.color, band.stacked ? 0.3 : 0.18),
    })),
    hooks: {
      drawClear: [(self) => drawGaps(self, events.gaps(), palette)],
      draw: plot.heat ? [(self) => drawHeat(self, palette, events.stepMs())] : [],
      setCursor: [(self) => events.onCursor(self)],
      setSelect: [
        (self) => {
          const { left, width: wide } = self.select;
          if (wide < 4) return;
          const from = self.posToVal(left, 'x');
          const to = self.posToVal(left + wide, 'x');
          self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          events.onZoom(from, to);
        },
      ],
    },
  };
}
