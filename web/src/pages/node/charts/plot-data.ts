import type { Cell, Gap } from '../../../api/types';
import { bridgeShortHoles } from '../../../lib/gaps';
import { HEAT_ABOVE } from './heat';
import type { ChartData, ChartDef, Line } from './model';

type Values = (number | null | undefined)[];

/** One series as uPlot gets it. */
export interface PlotSeries {
  line: Line;
  role: 'line' | 'area' | 'edge' | 'heat';
}

export interface Plot {
  series: PlotSeries[];
  /** Pairs of series indices (x is 0) with the colour between them. */
  bands: { upper: number; lower: number; color: string; stacked: boolean }[];
  data: [number[], ...Values[]];
  /** Drawn as a map, one row a series. */
  heat: boolean;
  /** Readings drawn, the bands and reference lines apart. */
  points: number;
}

function mirror(cells: readonly Cell[], mirrored: boolean | undefined): Cell[] {
  return mirrored ? cells.map((cell) => (cell === null ? null : -cell)) : cells.slice();
}

/** Lays out what is visible: stacks summed up, mirrored lines turned over, bands beside their line. */
export function plotOf(
  def: Pick<ChartDef, 'stacked' | 'heat'>,
  chart: ChartData,
  visible: (line: Line) => boolean,
  options: { bridgeMs: number; gaps: readonly Gap[]; bands: boolean },
): Plot {
  const { times } = chart;
  const series: PlotSeries[] = [];
  const bands: Plot['bands'] = [];
  const columns: Values[] = [];
  let points = 0;
  const add = (line: Line, role: PlotSeries['role'], cells: readonly Cell[]): number => {
    series.push({ line, role });
    columns.push(bridgeShortHoles(times, cells, options.bridgeMs, options.gaps));
    return series.length;
  };
  const tally = (line: Line) => {
    if (!line.reference) points += line.values.reduce<number>((n, cell) => n + (cell === null ? 0 : 1), 0);
  };

  const shown = chart.lines.filter((line) => !line.figure && visible(line));
  const heat = def.heat === true && shown.length > HEAT_ABOVE;
  if (def.stacked) {
    const stack = shown.filter((line) => !line.dashed);
    let below: Cell[] = times.map(() => 0);
    const sums = stack.map((line) => {
      below = line.values.map((value, index) => {
        const under = below[index] ?? null;
        return value === null || under === null ? null : under + value;
      });
      return below;
    });
    // From the top down, so that each lower line is drawn over the fill above it.
    for (let i = stack.length - 1; i >= 0; i -= 1) {
      const line = stack[i]!;
      const at = add(line, 'area', sums[i]!);
      if (i > 0) bands.push({ upper: at, lower: at + 1, color: line.color, stacked: true });
      tally(line);
    }
  }
  for (const line of shown) {
    if (def.stacked && !line.dashed) continue;
    if (heat) {
      add(line, 'heat', line.values);
      tally(line);
      continue;
    }
    add(line, 'line', mirror(line.values, line.mirrored));
    tally(line);
    if (options.bands && line.band) {
      const upper = add(line, 'edge', mirror(line.mirrored ? line.band.min : line.band.max, line.mirrored));
      add(line, 'edge', mirror(line.mirrored ? line.band.max : line.band.min, line.mirrored));
      bands.push({ upper, lower: upper + 1, color: line.color, stacked: false });
    }
  }
  return { series, bands, data: [times, ...columns], heat, points };
}

/** The value under the cursor; where a bucket is only bridged, the one before it counts on. */
export function valueAt(
  times: readonly number[],
  values: readonly Cell[],
  index: number,
  bridgeMs: number,
): Cell {
  for (let i = index; i >= 0 && times[index]! - times[i]! <= bridgeMs; i -= 1) {
    const value = values[i];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}
