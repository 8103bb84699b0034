/** A number of nodes, a share of them such as "25%", or "rest". */
export type WaveSize = number | string;

/** Most waves of one job, as the server has it. */
export const WAVES_MAX = 8;

export const PLANS: readonly { id: string; label: string; sizes: readonly WaveSize[] }[] = [
  { id: 'careful', label: 'One, a quarter, the rest', sizes: [1, '25%', 'rest'] },
  { id: 'halves', label: 'One, half, the rest', sizes: [1, '50%', 'rest'] },
  { id: 'all', label: 'All at once', sizes: ['rest'] },
  { id: 'own', label: 'My own sizes', sizes: [] },
];

/** The sizes that someone typed: `1, 5, 25%, rest`. Null when one of them is none. */
export function parseSizes(text: string): WaveSize[] | null {
  const parts = text
    .split(/[,;\s]+/)
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '');
  if (parts.length === 0 || parts.length > WAVES_MAX) return null;
  const sizes: WaveSize[] = [];
  for (const part of parts) {
    if (part === 'rest') sizes.push('rest');
    else if (/^(?:100|[1-9]\d?)%$/.test(part)) sizes.push(part);
    else if (/^[1-9]\d{0,4}$/.test(part)) sizes.push(Number(part));
    else return null;
  }
  return sizes;
}

/** How many nodes each wave has. What the sizes leave over is one more wave. */
export function wavesOf(count: number, sizes: readonly WaveSize[] = PLANS[0]!.sizes): number[] {
  let left = count;
  const waves: number[] = [];
  for (const size of sizes.slice(0, WAVES_MAX - 1)) {
    const wanted =
      size === 'rest'
        ? left
        : typeof size === 'number'
          ? size
          : Math.ceil((count * Number.parseInt(size, 10)) / 100);
    const wave = Math.min(wanted, left);
    left -= wave;
    waves.push(wave);
  }
  waves.push(left);
  return waves.filter((wave) => wave > 0);
}
