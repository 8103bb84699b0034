/** The sizes of the waves of `count` nodes: one, a quarter, the rest. */
export function wavesOf(count: number): number[] {
  if (count <= 1) return count === 1 ? [1] : [];
  const second = Math.max(1, Math.ceil(count * 0.25));
  const rest = count - 1 - Math.min(second, count - 1);
  return [1, Math.min(second, count - 1), rest].filter((size) => size > 0);
}
