import { memo, useMemo } from 'react';
import type { Spark } from '../api/types';

const WIDTH = 300;
const HEIGHT = 32;
const POINTS = 45;

/** Line and area of the last 15 minutes of CPU, 0 to 100 %, newest at the right edge; holes stay holes. */
function paths(values: (number | null)[]): { line: string; area: string } {
  const shown = values.slice(-POINTS);
  const offset = POINTS - shown.length;
  const step = WIDTH / (POINTS - 1);
  let line = '';
  let area = '';
  let run: [number, number][] = [];
  const draw = () => {
    if (run.length === 0) return;
    // A reading alone gets the width of its bucket, else it would be a line without length.
    if (run.length === 1) {
      const [x, y] = run[0]!;
      run = [
        [Math.max(0, x - step / 2), y],
        [Math.min(WIDTH, x + step / 2), y],
      ];
    }
    const path = `M${run.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join('L')}`;
    line += path;
    area += `${path}L${run.at(-1)![0].toFixed(1)} ${HEIGHT}L${run[0]![0].toFixed(1)} ${HEIGHT}Z`;
    run = [];
  };
  shown.forEach((value, index) => {
    if (value === null) draw();
    else {
      const share = Math.max(0, Math.min(100, value)) / 100;
      run.push([(index + offset) * step, HEIGHT - 1 - share * (HEIGHT - 2)]);
    }
  });
  draw();
  return { line, area };
}

interface Props {
  spark: Spark | null | undefined;
  grey?: boolean;
  className?: string;
}

export const Sparkline = memo(function Sparkline({ spark, grey = false, className = '' }: Props) {
  const { line, area } = useMemo(() => paths(spark?.cpu_percent ?? []), [spark]);
  const color = grey ? 'var(--faint)' : 'var(--s1)';
  return (
    <svg
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label="CPU over the last 15 minutes"
      className={`block w-full ${className}`}
    >
      <line x1="0" x2={WIDTH} y1={HEIGHT - 0.5} y2={HEIGHT - 0.5} stroke="var(--line)" />
      <path d={area} fill={color} opacity="0.14" />
      <path d={line} fill="none" stroke={color} strokeWidth="1.25" vectorEffect="non-scaling-stroke" />
    </svg>
  );
});
