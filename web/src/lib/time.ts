const two = (value: number) => String(value).padStart(2, '0');

export function clock(ms: number, seconds = true): string {
  const date = new Date(ms);
  const base = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return seconds ? `${base}:${two(date.getSeconds())}` : base;
}

export function day(ms: number): string {
  const date = new Date(ms);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

export function dayAndClock(ms: number, seconds = true): string {
  return `${day(ms)} ${clock(ms, seconds)}`;
}

/** As fine as the step needs: seconds under a minute, minutes under a day, days above. */
export function moment(ms: number, stepMs: number): string {
  if (stepMs >= 86_400_000) return day(ms);
  return dayAndClock(ms, stepMs < 60_000);
}

/** The value of an <input type="datetime-local">, in local time. */
export function inputValue(ms: number): string {
  return `${day(ms)}T${clock(ms)}`;
}
