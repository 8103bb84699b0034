import { describe, expect, it } from 'vitest';
import { LINE_CHARS_MAX, lineText, OutputLog, search, spansOf, utf8Length } from './output';

const shown = (log: OutputLog) => log.lines.map(lineText);

describe('the output of a job', () => {
  it('becomes lines, however it is cut into pieces', () => {
    const whole = 'Lecture des listes…\nété 🚀 done\n\nlast';
    const log = new OutputLog();
    let from = 0;
    for (const char of whole) {
      expect(log.append(from, char)).toBe(true);
      from += utf8Length(char);
    }
    expect(shown(log)).toEqual(['Lecture des listes…', 'été 🚀 done', '', 'last']);
    expect(log.next).toBe(new TextEncoder().encode(whole).length);
    expect(log.text()).toBe(whole);
  });
  it('takes nothing twice and notices a hole', () => {
    const log = new OutputLog();
    log.append(0, 'aé\nb');
    expect(log.append(0, 'aé\nb')).toBe(true);
    expect(log.append(1, 'é\nbc\n')).toBe(true);
    expect(shown(log)).toEqual(['aé', 'bc']);
    expect(log.append(log.next + 1, 'x')).toBe(false);
    expect(shown(log)).toEqual(['aé', 'bc']);
  });
  it('says where the server kept nothing', () => {
    const log = new OutputLog();
    log.append(0, 'head\n');
    log.skipTo(1_000);
    log.append(1_000, 'tail\n');
    expect(shown(log)).toEqual(['head', '… 995 bytes were not kept …', 'tail']);
    expect(log.next).toBe(1_005);
  });
  it('shows the last state of a line that was written over', () => {
    const log = new OutputLog();
    log.append(0, 'Get 10%\rGet 50%');
    expect(shown(log)).toEqual(['Get 50%']);
    log.append(log.next, '\rGet 100%\r\nDone\r\n');
    expect(shown(log)).toEqual(['Get 100%', 'Done']);
    expect(log.lines[1]!.at).toBe(utf8Length('Get 10%\rGet 50%\rGet 100%\r\n'));
  });
  it('keeps colours across lines and pieces', () => {
    const log = new OutputLog();
    log.append(0, 'a \x1b[3');
    log.append(log.next, '1mred\nstill red');
    expect(spansOf(log.lines[1]!)[0]!.style.fg).toBe(1);
    log.append(log.next, '\x1b[0m\nplain');
    expect(spansOf(log.lines[2]!)[0]!.style.fg).toBeNull();
    expect(shown(log)).toEqual(['a red', 'still red', 'plain']);
  });
  it('finds the lines of a step by their bytes', () => {
    const log = new OutputLog();
    log.append(0, 'one\ntwo\nthrée\nfour');
    const from = utf8Length('one\n');
    const to = utf8Length('one\ntwo\nthrée\n');
    const [first, end] = log.between(from, to);
    expect(shown(log).slice(first, end)).toEqual(['two', 'thrée']);
  });
  it('shows a line without end in pieces, and takes them back when it goes on', () => {
    const log = new OutputLog();
    log.append(0, 'x'.repeat(LINE_CHARS_MAX * 2 + 1));
    expect(log.lines).toHaveLength(3);
    log.append(log.next, 'y\nz');
    expect(log.lines).toHaveLength(4);
    expect(lineText(log.lines[2]!)).toBe('xy');
    expect(log.text().replace(/\n(?=x)/g, '')).toBe(`${'x'.repeat(LINE_CHARS_MAX * 2 + 1)}y\nz`);
  });
});

it('search looks at words, not at colours or letter case', () => {
  const log = new OutputLog();
  log.append(0, 'Setting up li\x1b[1mbc6\x1b[0m\nLIBC6 and libc6\n');
  expect(search(log.lines, 'libc6')).toEqual([
    { line: 0, from: 11, to: 16 },
    { line: 1, from: 0, to: 5 },
    { line: 1, from: 10, to: 15 },
  ]);
  expect(search(log.lines, '')).toEqual([]);
  expect(search(log.lines, '.*')).toEqual([]);
});
