import { describe, expect, it } from 'vitest';
import {
  ABSENT,
  age,
  bitsPerSecond,
  bytes,
  bytesPerSecond,
  celsius,
  count,
  duration,
  percent,
} from './units';

describe('units', () => {
  it('counts bytes as free and df do', () => {
    expect(bytes(0)).toBe('0 B');
    expect(bytes(1023)).toBe('1023 B');
    expect(bytes(1024)).toBe('1.00 KiB');
    expect(bytes(4 * 2 ** 30)).toBe('4.00 GiB');
    expect(bytes(15.6 * 2 ** 30)).toBe('15.6 GiB');
    expect(bytes(512 * 2 ** 20)).toBe('512 MiB');
  });
  it('goes on to the next unit before it would show four digits of the last', () => {
    expect(bytes(1023.7 * 1024)).toBe('1.00 MiB');
    expect(bitsPerSecond(124_950)).toBe('1.00 Mbit/s');
  });
  it('never shows absent as zero', () => {
    for (const show of [bytes, bytesPerSecond, bitsPerSecond, percent, count, celsius, duration, age]) {
      expect(show(null)).toBe(ABSENT);
      expect(show(undefined)).toBe(ABSENT);
      expect(show(Number.NaN)).toBe(ABSENT);
      expect(show(0)).not.toBe(ABSENT);
    }
  });
  it('shows links in bits, decimal', () => {
    expect(bitsPerSecond(125_000_000)).toBe('1.00 Gbit/s');
    expect(bytesPerSecond(1536)).toBe('1.50 KiB/s');
  });
  it('shows shares with one digit below ten', () => {
    expect(percent(7.14)).toBe('7.1 %');
    expect(percent(9.96)).toBe('10 %');
    expect(percent(92.4)).toBe('92 %');
  });
  it('says durations in their two largest units', () => {
    expect(duration(45_000)).toBe('45 s');
    expect(duration(150_000)).toBe('2 min 30 s');
    expect(duration(3_600_000)).toBe('1 h');
    expect(duration(93_600_000)).toBe('1 d 2 h');
    expect(age(93_600_000)).toBe('1 d');
    expect(age(-5)).toBe('0 s');
  });
});
