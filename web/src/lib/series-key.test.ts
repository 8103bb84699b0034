import { describe, expect, it } from 'vitest';
import { displayName, parseSeriesKey } from './series-key';

describe('series keys', () => {
  it('takes names and labels apart', () => {
    expect(parseSeriesKey('cpu.user_ms')).toEqual({ name: 'cpu.user_ms', labels: {} });
    const parsed = parseSeriesKey('fs.total_bytes{mount=/,type=ext4}');
    expect(parsed?.name).toBe('fs.total_bytes');
    expect({ ...parsed?.labels }).toEqual({ mount: '/', type: 'ext4' });
  });
  it('undoes every escape', () => {
    const key = 'fs.total_bytes{mount=/a\\,b\\{c\\}\\=d\\\\e\\x0a\\x1B,type=x}';
    expect({ ...parseSeriesKey(key)?.labels }).toEqual({ mount: '/a,b{c}=d\\e\n\u001b', type: 'x' });
  });
  it('keeps an empty value and any other character', () => {
    expect({ ...parseSeriesKey('a{b=}')?.labels }).toEqual({ b: '' });
    expect({ ...parseSeriesKey('a{b=<img src\\=x>}')?.labels }).toEqual({ b: '<img src=x>' });
  });
  it('refuses what does not follow the grammar', () => {
    for (const key of [
      '',
      '{a=b}',
      'a{b',
      'a{b=c',
      'a{b}',
      'a{=c}',
      'a{b=c}d',
      'a{b=c=d}',
      'a{b={c}',
      'a{b=c\\',
      'a{b=\\x0}',
      'a}',
    ]) {
      expect(parseSeriesKey(key), key).toBeNull();
    }
  });
  it('is not fooled by names of the language itself', () => {
    const parsed = parseSeriesKey('a{__proto__=x,constructor=y}');
    expect(parsed?.labels.constructor).toBe('y');
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });
  it('shows control characters and turned text as what they are', () => {
    expect(displayName('a\u0000b\u202ec')).toBe('a␦b␦c');
    expect(displayName('x'.repeat(200), 10)).toBe(`${'x'.repeat(9)}…`);
  });
});
