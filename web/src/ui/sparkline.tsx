import { memo, useMemo } from 'react';
import type { Spark } from '../api/types';

const WIDTH = 300;
const HEIGHT = 32;
const POINTS = 45;

/** Line and area of the last 15 minutes of CPU, 0 to 100 %, newest at the right edge; holes stay holes. */
function paths(values: (number | null)[]): { line: string; area: string } {
  const shown = values.slice(-POINTS);
  const offset = POINTS - shown.length;
  let line = '';
  let area = '';
  let runStart: string | null = null;
  let lastX = '0';
  shown.forEach((value, index) => {
    if (value === null) {
      if (runStart !== null) area += `L${lastX} ${HEIGHT}L${runStart} ${HEIGHT}Z`;
      runStart = null;
      return;
    }
    const x = (((index + offset) / (POINTS - 1)) * WIDTH).toFixed(1);
    const y = (HEIGHT - 1 - (Math.max(0, Math.min(100, value)) / 100) * (HEIGHT - 2)).toFixed(1);
    line += `${runStart === null ? 'M' : 'L'}${x} ${y}`;
    area += `${runStart === null ? 'M' : 'L'}${x} ${y}`;
    if (runStart === null) runStart = x;
    lastX = x;
  });
  if (runStart !== null) area += `L${lastX} ${HEIGHT}L${runStart} ${HEIGHT}Z`;
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
