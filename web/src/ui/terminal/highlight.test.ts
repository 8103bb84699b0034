import { expect, it } from 'vitest';
import { PLAIN } from '../../lib/ansi';
import { highlight } from './highlight';

const bold = { ...PLAIN, bold: true };
const spans = [
  { text: 'Setting ', style: PLAIN },
  { text: 'up', style: bold },
  { text: ' libc', style: PLAIN },
];

it('marks what was found across colours, and loses no letter', () => {
  const pieces = highlight(spans, [
    { from: 0, to: 3, current: false },
    { from: 6, to: 12, current: true },
  ]);
  expect(pieces.map(({ text, hit }) => [text, hit])).toEqual([
    ['Set', 'yes'],
    ['ting'.slice(0, 3), 'no'],
    ['g ', 'current'],
    ['up', 'current'],
    [' l', 'current'],
    ['ibc', 'no'],
  ]);
  expect(pieces.map((piece) => piece.text).join('')).toBe('Setting up libc');
  expect(pieces[3]!.style).toBe(bold);
});

it('leaves a line without finds as it is', () => {
  expect(highlight(spans, []).map((piece) => piece.text)).toEqual(['Setting ', 'up', ' libc']);
});
