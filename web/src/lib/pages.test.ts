import { describe, expect, it } from 'vitest';
import { type Pages, renewed, withLive } from './pages';

const pages = (next: string | null, ...ids: number[]): Pages<{ id: number }> => ({
  items: ids.map((id) => ({ id })),
  next,
});
const ids = (items: readonly { id: number }[]) => items.map((one) => one.id);

describe('a first page asked for anew', () => {
  const known = pages('3', 6, 5, 4, 3);
  it('keeps the older pages where it meets them', () => {
    const again = renewed(known, pages('5', 8, 7, 6, 5), 'stays');
    expect([ids(again.items), again.next]).toEqual([[8, 7, 6, 5, 4, 3], '3']);
  });
  it('begins anew rather than leave a hole', () => {
    const again = renewed(known, pages('8', 9, 8), 'stays');
    expect([ids(again.items), again.next]).toEqual([[9, 8], '8']);
  });
  it('is all there is when nothing is below it', () => {
    expect(ids(renewed(known, pages(null, 9), 'stays').items)).toEqual([9]);
    expect(ids(renewed(known, pages(null), 'stays').items)).toEqual([]);
    expect(ids(renewed(null, pages('8', 9, 8), 'stays').items)).toEqual([9, 8]);
  });
  it('lets go of what may have changed unheard', () => {
    expect(ids(renewed(known, pages('5', 6, 5), 'goes').items)).toEqual([6, 5]);
  });
});

it('what is told live comes once, in its place, and not into pages that were not asked for', () => {
  const live = [{ id: 20 }, { id: 12 }, { id: 5 }];
  expect(ids(withLive(pages('10', 12, 10), live))).toEqual([20, 12, 10]);
  expect(ids(withLive(pages(null, 12), live))).toEqual([20, 12, 5]);
});
