/** Round marks for a scale: thousands for most things, powers of two for bytes. */
const DECIMAL = [1, 2, 2.5, 5, 10] as const;

function stepFor(span: number, marks: number, base: 2 | 10, factor: number): number {
  const rough = (span * factor) / marks;
  if (!(rough > 0)) return 1;
  if (base === 2 && rough >= 1) return 2 ** Math.ceil(Math.log2(rough)) / factor;
  const power = 10 ** Math.floor(Math.log10(rough));
  return ((DECIMAL.find((step) => step * power >= rough * 0.999) ?? 10) * power) / factor;
}

export interface Scale {
  min: number;
  max: number;
  step: number;
}

/**
 * A scale from round mark to round mark around the data, with zero in it unless told otherwise.
 * `factor` is what one unit of data counts on the marks: 8 where bytes are shown as bits.
 */
export function niceScale(
  min: number,
  max: number,
  base: 2 | 10 = 10,
  factor = 1,
  marks = 4,
  zero = true,
): Scale {
  const low = zero ? Math.min(0, min) : min;
  const high = zero ? Math.max(0, max) : max;
  const span = high - low || 1;
  const step = stepFor(span, marks, base, factor);
  return {
    min: Math.floor(low / step + 1e-9) * step || 0,
    max: Math.max(Math.floor(low / step + 1e-9) + 1, Math.ceil(high / step - 1e-9)) * step,
    step,
  };
}

export function marksOf(scale: Scale): number[] {
  const count = Math.round((scale.max - scale.min) / scale.step);
  return Array.from({ length: count + 1 }, (_, index) => scale.min + index * scale.step);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
const two = (value: number) => String(value).padStart(2, '0');

/** The words under the time marks, as fine as their distance; the day is said where it begins. */
export function timeMark(ms: number, distanceMs: number): string {
  const date = new Date(ms);
  const midnight = date.getHours() === 0 && date.getMinutes() === 0 && date.getSeconds() === 0;
  if (distanceMs >= 27 * 86_400_000) {
    return date.getMonth() === 0 ? String(date.getFullYear()) : MONTHS[date.getMonth()]!;
  }
  if (distanceMs >= 86_400_000 || midnight) return `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return distanceMs >= 60_000 ? clock : `${clock}:${two(date.getSeconds())}`;
}
