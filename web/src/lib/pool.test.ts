import { expect, it } from 'vitest';
import { pooled } from './pool';

it('does all, never more at once than allowed, and goes on after a failure', async () => {
  let now = 0;
  let most = 0;
  const done: number[] = [];
  await pooled([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    now += 1;
    most = Math.max(most, now);
    await new Promise((resolve) => setTimeout(resolve, 1));
    now -= 1;
    if (item === 2) throw new Error('no');
    done.push(item);
  });
  expect(most).toBe(3);
  expect(done.sort()).toEqual([1, 3, 4, 5, 6, 7]);
  await pooled([], 3, async () => {});
});
