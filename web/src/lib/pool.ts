/** Does `work` for every item, at most `width` at a time, in order of the list. One that fails stops no other. */
export async function pooled<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  const hand = async () => {
    while (next < items.length) {
      const item = items[next]!;
      next += 1;
      await work(item).catch(() => {});
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, hand));
}
