import type { Cell } from '../../../api/types';
import { bytes } from '../../../lib/units';
import { combine, hasValues, whole } from '../frame';
import type { ChartDef, Line } from './model';

const memory: ChartDef = {
  id: 'memory',
  title: 'Memory',
  group: 'machine',
  stacked: true,
  base: 2,
  format: (value) => bytes(value),
  build(frame) {
    const part = (name: string) => whole(frame, `mem.${name}_bytes`)?.avg ?? null;
    const total = part('total');
    const free = part('free');
    const available = part('available');
    const buffers = part('buffers');
    const cached = part('cached');
    if (!total || !(available ?? free) || !hasValues(total)) return null;
    const lines: Line[] = [];
    const add = (id: string, color: string, values: Cell[], extra: Partial<Line> = {}) =>
      lines.push({ id, label: id, item: id, itemLabel: id, color, values, ...extra });
    // As `free` counts: used is what could not be given to a new program.
    const used = combine([total, (available ?? free)!], (all, left) => Math.max(0, all - left));
    add('used', 's1', used);
    if (free && buffers && cached) {
      add(
        'buffers',
        's3',
        combine([total, free, used, buffers], (all, f, u, b) => Math.max(0, Math.min(b, all - f - u))),
      );
      // The part of the cache that isn't counted as used: so the stack ends where free memory begins.
      add(
        'cached',
        's2',
        combine([total, free, used, buffers, cached], (all, f, u, b, c) =>
          Math.max(0, Math.min(c, all - f - u - b)),
        ),
      );
    }
    // What is available ends where "used" begins, seen from the top: a line from zero would lie inside of it.
    if (available) add('available', 'faint', available, { figure: true });
    add('total', 'faint', total, { dashed: true, reference: true });
    return { times: frame.times, lines };
  },
};

const swap: ChartDef = {
  id: 'swap',
  title: 'Swap',
  group: 'machine',
  base: 2,
  format: (value) => bytes(value),
  build(frame) {
    const total = whole(frame, 'swap.total_bytes')?.avg;
    const free = whole(frame, 'swap.free_bytes');
    // A machine without swap has nothing to show here.
    if (!total || !free || !total.some((value) => value !== null && value > 0)) return null;
    const usedWith = (left: Cell[]) => combine([total, left], (all, rest) => Math.max(0, all - rest));
    return {
      times: frame.times,
      lines: [
        {
          id: 'used',
          label: 'used',
          item: 'used',
          itemLabel: 'used',
          color: 's1',
          values: usedWith(free.avg),
          band: { min: usedWith(free.max), max: usedWith(free.min) },
        },
        {
          id: 'total',
          label: 'total',
          item: 'total',
          itemLabel: 'total',
          color: 'faint',
          values: total,
          dashed: true,
          reference: true,
        },
      ],
    };
  },
};

export const MEMORY_CHARTS = { memory, swap };
