import { describe, expect, it } from 'vitest';
import { rank } from './items';

const weights = (list: Record<string, number>) => new Map(Object.entries(list));
const many = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`eth${index}`, index]));

describe('items of a chart', () => {
  it('give the first colour to the busiest, and stay in natural order', () => {
    const list = rank('x', weights(many), {});
    expect(list.map(({ item }) => item)).toEqual(Object.keys(many));
    expect(list.find(({ item }) => item === 'eth19')).toMatchObject({ color: 's1', quiet: false });
    expect(list.filter(({ quiet }) => !quiet).map(({ item }) => item)).toEqual(
      Array.from({ length: 8 }, (_, index) => `eth${index + 12}`),
    );
  });
  it('have each colour once, and dashes where it comes again', () => {
    const list = rank('x', weights(many), {});
    const looks = list.map(({ color, again }) => `${color}${again}`);
    expect(new Set(looks.filter((look) => look.endsWith('false'))).size).toBe(8);
    expect(list.filter(({ again }) => again)).toHaveLength(12);
  });
  it('keep their colours while others come a little closer', () => {
    const memory = new Map<string, string[]>();
    const color = (list: ReturnType<typeof rank>, item: string) =>
      list.find((one) => one.item === item)!.color;
    rank('x', weights({ a: 9, b: 8 }), { memory });
    const later = rank('x', weights({ a: 8, b: 9 }), { memory });
    expect([color(later, 'a'), color(later, 'b')]).toEqual(['s1', 's2']);
    expect(color(rank('x', weights({ a: 8, b: 9 }), { memory: new Map() }), 'b')).toBe('s1');
  });
  it('are all shown, as far as colours go, where all are still', () => {
    expect(rank('x', weights({ a: 0, b: 0 }), {}).every(({ quiet }) => !quiet)).toBe(true);
  });
});
