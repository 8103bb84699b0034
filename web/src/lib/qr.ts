/**
 * QR codes (ISO/IEC 18004) of bytes, with error correction of level M. Drawn here, so that what they say goes to
 * nobody else. Pure.
 */
const VERSION_MAX = 20;
/** Of level M, by version from 1 on: bytes of correction in a block, and blocks. */
const CHECK_BYTES = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];
const LEVEL_M = 0;

type Grid = boolean[][];

const sizeOf = (version: number) => version * 4 + 17;

/** Modules that hold data and correction: all but patterns, format and version. */
function rawModules(version: number): number {
  let count = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const marks = Math.floor(version / 7) + 2;
    count -= (25 * marks - 10) * marks - 55;
    if (version >= 7) count -= 36;
  }
  return count;
}

function dataBytes(version: number): number {
  return Math.floor(rawModules(version) / 8) - CHECK_BYTES[version - 1]! * BLOCKS[version - 1]!;
}

function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((b >>> bit) & 1) * a;
  }
  return product;
}

/** The bytes of correction of a block (Reed and Solomon, over GF(256)). */
export function checkBytes(data: readonly number[], count: number): number[] {
  const divisor = [...new Array<number>(count - 1).fill(0), 1];
  let root = 1;
  for (let step = 0; step < count; step += 1) {
    for (let at = 0; at < count; at += 1) {
      divisor[at] = times(divisor[at]!, root) ^ (divisor[at + 1] ?? 0);
    }
    root = times(root, 2);
  }
  const rest = new Array<number>(count).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift()!;
    rest.push(0);
    divisor.forEach((value, at) => {
      rest[at]! ^= times(value, factor);
    });
  }
  return rest;
}

/** What is said, padded; null: too long. */
function encoded(bytes: Uint8Array): { version: number; data: number[] } | null {
  for (let version = 1; version <= VERSION_MAX; version += 1) {
    const lengthBits = version < 10 ? 8 : 16;
    const room = dataBytes(version) * 8;
    if (4 + lengthBits + bytes.length * 8 > room) continue;
    const bits: number[] = [];
    const put = (value: number, width: number) => {
      for (let bit = width - 1; bit >= 0; bit -= 1) bits.push((value >>> bit) & 1);
    };
    put(0b0100, 4);
    put(bytes.length, lengthBits);
    for (const byte of bytes) put(byte, 8);
    put(0, Math.min(4, room - bits.length));
    put(0, (8 - (bits.length % 8)) % 8);
    for (let pad = 0xec; bits.length < room; pad ^= 0xec ^ 0x11) put(pad, 8);
    const data = Array.from({ length: room / 8 }, (_, at) =>
      bits.slice(at * 8, at * 8 + 8).reduce((byte, bit) => (byte << 1) | bit, 0),
    );
    return { version, data };
  }
  return null;
}

/** In blocks with their correction, a byte of each in turn. */
function interleaved(version: number, data: readonly number[]): number[] {
  const count = BLOCKS[version - 1]!;
  const check = CHECK_BYTES[version - 1]!;
  const total = Math.floor(rawModules(version) / 8);
  const short = Math.floor(total / count) - check;
  const longer = total % count;
  const blocks: { data: readonly number[]; check: number[] }[] = [];
  for (let at = 0, block = 0; block < count; block += 1) {
    const own = data.slice(at, at + short + (block < count - longer ? 0 : 1));
    at += own.length;
    blocks.push({ data: own, check: checkBytes(own, check) });
  }
  const out: number[] = [];
  for (let at = 0; at <= short; at += 1) {
    for (const block of blocks) if (at < block.data.length) out.push(block.data[at]!);
  }
  for (let at = 0; at < check; at += 1) for (const block of blocks) out.push(block.check[at]!);
  return out;
}

/** Where the centres of the small marks are. */
function markPlaces(version: number): number[] {
  if (version === 1) return [];
  const marks = Math.floor(version / 7) + 2;
  const step = Math.ceil((version * 4 + 4) / (marks * 2 - 2)) * 2;
  const places = Array.from({ length: marks - 1 }, (_, at) => sizeOf(version) - 7 - at * step);
  return [6, ...places.reverse()];
}

class Drawing {
  readonly size: number;
  readonly dark: Grid;
  /** What is no data. */
  readonly fixed: Grid;

  constructor(readonly version: number) {
    this.size = sizeOf(version);
    const empty = () => Array.from({ length: this.size }, () => new Array<boolean>(this.size).fill(false));
    this.dark = empty();
    this.fixed = empty();
    for (let at = 0; at < this.size; at += 1) {
      this.set(6, at, at % 2 === 0);
      this.set(at, 6, at % 2 === 0);
    }
    const far = this.size - 4;
    for (const [x, y] of [
      [3, 3],
      [far, 3],
      [3, far],
    ] as const) {
      this.rings(x, y, 4, (ring) => ring !== 2 && ring !== 4);
    }
    const places = markPlaces(version);
    const last = places.length - 1;
    places.forEach((x, i) => {
      places.forEach((y, j) => {
        const corner = (i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0);
        if (!corner) this.rings(x, y, 2, (ring) => ring !== 1);
      });
    });
    this.format(0);
    if (version >= 7) this.versionBits();
  }

  private set(x: number, y: number, dark: boolean): void {
    this.dark[y]![x] = dark;
    this.fixed[y]![x] = true;
  }

  private rings(x: number, y: number, reach: number, dark: (ring: number) => boolean): void {
    for (let dy = -reach; dy <= reach; dy += 1) {
      for (let dx = -reach; dx <= reach; dx += 1) {
        const inside = x + dx >= 0 && x + dx < this.size && y + dy >= 0 && y + dy < this.size;
        if (inside) this.set(x + dx, y + dy, dark(Math.max(Math.abs(dx), Math.abs(dy))));
      }
    }
  }

  /** Level and mask, twice. */
  format(mask: number): void {
    const data = (LEVEL_M << 3) | mask;
    let rest = data;
    for (let step = 0; step < 10; step += 1) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
    const bits = ((data << 10) | rest) ^ 0x5412;
    const bit = (at: number) => ((bits >>> at) & 1) === 1;
    for (let at = 0; at <= 5; at += 1) this.set(8, at, bit(at));
    this.set(8, 7, bit(6));
    this.set(8, 8, bit(7));
    this.set(7, 8, bit(8));
    for (let at = 9; at < 15; at += 1) this.set(14 - at, 8, bit(at));
    for (let at = 0; at < 8; at += 1) this.set(this.size - 1 - at, 8, bit(at));
    for (let at = 8; at < 15; at += 1) this.set(8, this.size - 15 + at, bit(at));
    this.set(8, this.size - 8, true);
  }

  private versionBits(): void {
    let rest = this.version;
    for (let step = 0; step < 12; step += 1) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
    const bits = (this.version << 12) | rest;
    for (let at = 0; at < 18; at += 1) {
      const dark = ((bits >>> at) & 1) === 1;
      const a = this.size - 11 + (at % 3);
      const b = Math.floor(at / 3);
      this.set(a, b, dark);
      this.set(b, a, dark);
    }
  }

  /** In pairs of columns from the right, up and down in turn, around what is fixed. */
  fill(bytes: readonly number[]): void {
    let at = 0;
    for (let right = this.size - 1; right >= 1; right -= 2) {
      if (right === 6) right = 5;
      const up = ((right + 1) & 2) === 0;
      for (let step = 0; step < this.size; step += 1) {
        const y = up ? this.size - 1 - step : step;
        for (const x of [right, right - 1]) {
          if (this.fixed[y]![x] || at >= bytes.length * 8) continue;
          this.dark[y]![x] = ((bytes[at >>> 3]! >>> (7 - (at & 7))) & 1) === 1;
          at += 1;
        }
      }
    }
  }

  mask(number: number): void {
    const turns = MASKS[number]!;
    for (let y = 0; y < this.size; y += 1) {
      for (let x = 0; x < this.size; x += 1) {
        if (!this.fixed[y]![x] && turns(x, y)) this.dark[y]![x] = !this.dark[y]![x];
      }
    }
  }
}

const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

const FINDER = /(?=0000(1011101)|(1011101)0000)/g;

/** How hard it would be to read: long runs, blocks of one colour, what looks like a corner, too much of one. */
function penalty(grid: Grid): number {
  const size = grid.length;
  const lines = [...grid, ...grid.map((_, x) => grid.map((row) => row[x]!))].map((line) =>
    line.map((dark) => (dark ? '1' : '0')).join(''),
  );
  let sum = 0;
  for (const line of lines) {
    for (const run of line.match(/0{5,}|1{5,}/g) ?? []) sum += run.length - 2;
    sum += 40 * [...line.matchAll(FINDER)].length;
  }
  let dark = 0;
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const own = grid[y]![x]!;
      if (own) dark += 1;
      const same = (dx: number, dy: number) => grid[y + dy]?.[x + dx] === own;
      if (same(1, 0) && same(0, 1) && same(1, 1)) sum += 3;
    }
  }
  return sum + Math.floor(Math.abs((dark * 20) / (size * size) - 10)) * 10;
}

/** Rows from the top, true for dark, without the quiet zone; null where it is too long for one that is easily read. */
export function qrCode(text: string): Grid | null {
  const found = encoded(new TextEncoder().encode(text));
  if (!found) return null;
  const drawing = new Drawing(found.version);
  drawing.fill(interleaved(found.version, found.data));
  let best = { mask: 0, penalty: Number.POSITIVE_INFINITY };
  for (let mask = 0; mask < MASKS.length; mask += 1) {
    drawing.mask(mask);
    drawing.format(mask);
    const of = penalty(drawing.dark);
    if (of < best.penalty) best = { mask, penalty: of };
    // The same once more takes it away.
    drawing.mask(mask);
  }
  drawing.mask(best.mask);
  drawing.format(best.mask);
  return drawing.dark;
}
