import { describe, expect, it } from 'vitest';
import { applySgr, classesOf, PLAIN, parseLine, plain } from './ansi';

const E = '\x1b';
const texts = (raw: string) => parseLine(raw, PLAIN).spans.map((span) => span.text);

describe('colours', () => {
  it('are kept from one line to the next, until they are reset', () => {
    const first = parseLine(`${E}[1;31mbad`, PLAIN);
    expect(first.spans).toEqual([{ text: 'bad', style: { ...PLAIN, bold: true, fg: 1 } }]);
    const second = parseLine(`still ${E}[mfine`, first.after);
    expect(second.spans.map((span) => span.style.fg)).toEqual([1, null]);
    expect(second.after).toEqual(PLAIN);
  });
  it('come down to the sixteen of the theme', () => {
    expect(applySgr(PLAIN, '38;5;9').fg).toBe(9);
    expect(applySgr(PLAIN, '38;5;196').fg).toBe(1);
    expect(applySgr(PLAIN, '38;2;0;0;0').fg).toBe(0);
    expect(applySgr(PLAIN, '48;2;250;250;250').bg).toBe(15);
    expect(applySgr(PLAIN, '97;103')).toMatchObject({ fg: 15, bg: 11 });
    expect(applySgr({ ...PLAIN, fg: 1, bg: 2 }, '39;49')).toEqual(PLAIN);
  });
  it('survive nonsense', () => {
    for (const odd of ['38', '38;5', '38;5;999', '38;2', '999', ';;;', '1:2:3', '38;5;abc']) {
      const style = applySgr(PLAIN, odd);
      expect(style.fg === null || (style.fg >= 0 && style.fg <= 15), odd).toBe(true);
    }
  });
  it('become names of our own only', () => {
    expect(classesOf({ ...PLAIN, fg: 3, bg: 12, inverse: true })).toBe('ansi-3 ansi-bg-12 ansi-inverse');
    expect(classesOf(PLAIN)).toBe('');
  });
});

describe('hostile output', () => {
  it('stays text', () => {
    const html = '<img src=x onerror=alert(1)>&lt;script>';
    expect(texts(html)).toEqual([html]);
  });
  it('can neither move the cursor, set the title, ask the terminal nor hide words', () => {
    expect(
      texts(`a${E}[2J${E}[10;10Hb${E}]0;title\x07c${E}Pq#0${E}\\d${E}[6n${E}[?25le${E}c${E}(B!`),
    ).toEqual(['abcde!']);
    expect(texts(`${E}[8mhidden`)).toEqual(['hidden']);
  });
  it('loses control characters and turned text', () => {
    expect(texts('a\x00b\x08c\u202ed\x9be')).toEqual(['a␦b␦c␦d␦e']);
    expect(plain(`a${E}[31m\x07b${E}[`)).toBe('a␦b');
  });
  it('may end in the middle of a sequence', () => {
    expect(texts(`ok${E}`)).toEqual(['ok']);
    expect(texts(`ok${E}]0;no end`)).toEqual(['ok']);
  });
});
