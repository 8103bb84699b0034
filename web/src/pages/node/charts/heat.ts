import type uPlot from 'uplot';
import { COLORS } from './model';
import type { Palette } from './palette';

/** With more lines than this a chart of shares becomes a map: one row an item, the darker the less. */
export const HEAT_ABOVE = COLORS.length;
const SHADES = 24;

/** The shades from nothing to all, as canvas and legend use them. */
function shades(palette: Palette): string[] {
  return Array.from({ length: SHADES }, (_, index) =>
    palette('s1', 0.04 + 0.94 * (index / (SHADES - 1)) ** 1.15),
  );
}

/** One rectangle for each run of buckets of one shade: a machine of 128 cores is still drawn in a blink. */
export function drawHeat(plot: uPlot, palette: Palette, stepMs: number): void {
  const { ctx, bbox } = plot;
  const times = plot.data[0]!;
  const rows = plot.series.length - 1;
  const [first, last] = plot.series[0]!.idxs ?? [0, times.length - 1];
  const colors = shades(palette);
  const height = bbox.height / rows;
  const runs: [number, number, number, number][][] = colors.map(() => []);
  const right = bbox.left + bbox.width;
  const x = (ms: number) => Math.min(right, Math.max(bbox.left, plot.valToPos(ms, 'x', true)));
  for (let row = 0; row < rows; row += 1) {
    const values = plot.data[row + 1]!;
    const top = Math.round(bbox.top + row * height);
    const bottom =
      Math.round(bbox.top + (row + 1) * height) - (height > 4 * devicePixelRatio ? devicePixelRatio : 0);
    let start = -1;
    let shade = -1;
    const end = (at: number) => {
      if (shade >= 0) {
        const from = x(times[start]!);
        runs[shade]!.push([from, top, x(times[at - 1]! + stepMs) - from, bottom - top]);
      }
    };
    for (let i = first; i <= last; i += 1) {
      const value = values[i];
      // A bridged bucket goes on as the one before it; a hole ends the run.
      if (value === undefined) continue;
      const next = value === null ? -1 : Math.round((Math.max(0, Math.min(100, value)) / 100) * (SHADES - 1));
      if (next !== shade) {
        end(i);
        start = i;
        shade = next;
      }
    }
    end(last + 1);
  }
  ctx.save();
  runs.forEach((boxes, shade) => {
    ctx.fillStyle = colors[shade]!;
    ctx.beginPath();
    for (const box of boxes) ctx.rect(...box);
    ctx.fill();
  });
  ctx.restore();
}
