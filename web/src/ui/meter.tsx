import { ABSENT, percent } from '../lib/units';

export type Level = 'calm' | 'warn' | 'bad';

export function levelOf(value: number | null | undefined, warn: number, bad: number): Level {
  if (value === null || value === undefined) return 'calm';
  return value >= bad ? 'bad' : value >= warn ? 'warn' : 'calm';
}

export const LEVEL_TEXT: Record<Level, string> = { calm: '', warn: 'text-warn', bad: 'text-bad' };
const LEVEL_FILL: Record<Level, string> = { calm: 'bg-s1', warn: 'bg-warn', bad: 'bg-bad' };

interface Props {
  value: number | null | undefined;
  warn?: number;
  bad?: number;
  grey?: boolean;
}

/** The bar alone: the number always stands beside it. */
export function Bar({ value, warn = 80, bad = 92, grey = false }: Props) {
  const width = Math.max(0, Math.min(100, value ?? 0));
  const fill = grey ? 'bg-faint' : LEVEL_FILL[levelOf(value, warn, bad)];
  return (
    <span aria-hidden className="block h-1 w-full overflow-hidden rounded-full bg-track">
      <span
        className={`block h-full origin-left rounded-full transition-transform ${fill}`}
        style={{ transform: `scaleX(${width / 100})` }}
      />
    </span>
  );
}

export function PercentText({ value, warn = 80, bad = 92, grey = false }: Props) {
  if (value === null || value === undefined) return <span className="text-faint">{ABSENT}</span>;
  return <span className={grey ? '' : LEVEL_TEXT[levelOf(value, warn, bad)]}>{percent(value)}</span>;
}

export function ratioPercent(part: number | null | undefined, whole: number | null | undefined) {
  if (part === null || part === undefined || !whole) return null;
  return (part / whole) * 100;
}
