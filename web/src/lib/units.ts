/**
 * Numbers for people. Every formatter answers `–` for what is absent: absent is not zero.
 * Units are binary for memory and storage (as `free` and `df -h` count), decimal for network bits.
 */
export const ABSENT = '–';

type Maybe = number | null | undefined;

const isNumber = (value: Maybe): value is number => typeof value === 'number' && Number.isFinite(value);

/** Three significant digits at most, and never more than one digit after the point above ten. */
function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 99.95) return Math.round(value).toString();
  if (size >= 9.995) return value.toFixed(1);
  if (size === 0) return '0';
  return value.toFixed(size < 0.095 ? 3 : 2);
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let size = Math.abs(value);
  let step = 0;
  // 999.5 would be shown as 1000: go on to the next unit at once.
  while (size >= (base === 1024 ? 1023.5 : 999.5) && step < units.length - 1) {
    size /= base;
    step += 1;
  }
  const sign = value < 0 ? '-' : '';
  const digits = step === 0 ? Math.round(size).toString() : short(size);
  return `${sign}${digits} ${units[step]}`;
}

const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;
const BITS = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'] as const;
const PLAIN = ['', 'k', 'M', 'G', 'T'] as const;

export function bytes(value: Maybe): string {
  return isNumber(value) ? scaled(value, 1024, BYTES) : ABSENT;
}

export function bytesPerSecond(value: Maybe): string {
  return isNumber(value) ? `${scaled(value, 1024, BYTES)}/s` : ABSENT;
}

/** Takes bytes per second and shows bits, the unit of links. */
export function bitsPerSecond(value: Maybe): string {
  return isNumber(value) ? scaled(value * 8, 1000, BITS) : ABSENT;
}

export function percent(value: Maybe): string {
  if (!isNumber(value)) return ABSENT;
  return `${Math.abs(value) < 9.95 ? value.toFixed(1) : Math.round(value)} %`;
}

export function count(value: Maybe): string {
  if (!isNumber(value)) return ABSENT;
  if (Math.abs(value) < 10_000) {
    return Number.isInteger(value) ? String(value) : short(value);
  }
  return scaled(value, 1000, PLAIN).trim();
}

export function perSecond(value: Maybe): string {
  return isNumber(value) ? `${count(value)}/s` : ABSENT;
}

export function load(value: Maybe): string {
  return isNumber(value) ? value.toFixed(2) : ABSENT;
}

export function celsius(value: Maybe): string {
  return isNumber(value) ? `${value.toFixed(Math.abs(value) < 100 ? 1 : 0)} °C` : ABSENT;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** The two largest units: `3 d 4 h`, `12 min`, `45 s`. */
export function duration(ms: Maybe): string {
  if (!isNumber(ms)) return ABSENT;
  const size = Math.max(0, ms);
  if (size < SECOND_MS) return size === 0 ? '0 s' : `${Math.round(size)} ms`;
  if (size < MINUTE_MS) return `${Math.floor(size / SECOND_MS)} s`;
  const two = (big: number, bigUnit: string, small: number, smallUnit: string) => {
    const whole = Math.floor(size / big);
    const rest = Math.floor((size % big) / small);
    return rest > 0 ? `${whole} ${bigUnit} ${rest} ${smallUnit}` : `${whole} ${bigUnit}`;
  };
  if (size < HOUR_MS) return two(MINUTE_MS, 'min', SECOND_MS, 's');
  if (size < DAY_MS) return two(HOUR_MS, 'h', MINUTE_MS, 'min');
  if (size < 365 * DAY_MS) return two(DAY_MS, 'd', HOUR_MS, 'h');
  return two(365 * DAY_MS, 'y', DAY_MS, 'd');
}

/** The largest unit alone, for tight places: `3 d`, `12 min`. */
export function age(ms: Maybe): string {
  if (!isNumber(ms)) return ABSENT;
  const size = Math.max(0, ms);
  if (size < MINUTE_MS) return `${Math.floor(size / SECOND_MS)} s`;
  if (size < HOUR_MS) return `${Math.floor(size / MINUTE_MS)} min`;
  if (size < DAY_MS) return `${Math.floor(size / HOUR_MS)} h`;
  if (size < 365 * DAY_MS) return `${Math.floor(size / DAY_MS)} d`;
  return `${Math.floor(size / (365 * DAY_MS))} y`;
}

/** `1 core`, `16 cores`; also for words that do not end in an s. */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
