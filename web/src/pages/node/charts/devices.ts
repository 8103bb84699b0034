import type { Cell } from '../../../api/types';
import { displayName } from '../../../lib/series-key';
import { bitsPerSecond, bytesPerSecond, percent, perSecond } from '../../../lib/units';
import { combine, type Frame, hasValues, type Track, tracksByLabel } from '../frame';
import { type ChartDef, colorAt, type Line } from './model';

/** More items than this at once are a tangle: the busiest are on, the others wait in the legend. */
const ITEMS_SHOWN_MAX = 8;

function sum(cells: readonly Cell[]): number {
  return cells.reduce<number>((total, cell) => total + (cell ?? 0), 0);
}

/** Items in natural order, with who is shown at first: the busiest, never loopback. */
function itemsOf(
  frame: Frame,
  names: readonly string[],
  label: string,
): { item: string; quiet: boolean; color: string }[] {
  const busy = new Map<string, number>();
  for (const name of names) {
    for (const { item, track } of tracksByLabel(frame, name, label)) {
      if (hasValues(track.avg)) busy.set(item, (busy.get(item) ?? 0) + sum(track.avg));
    }
  }
  // What carried nothing in all this time waits in the legend too.
  const order = [...busy].filter(([item, total]) => item !== 'lo' && total > 0).sort((a, b) => b[1] - a[1]);
  const shown = new Set(order.slice(0, ITEMS_SHOWN_MAX).map(([item]) => item));
  // A machine with nothing but loopback shows that.
  const items = [...busy.keys()]
    .sort(new Intl.Collator(undefined, { numeric: true }).compare)
    .map((item) => ({ item, quiet: shown.size > 0 && !shown.has(item) }));
  // The first colours, which stay apart best, go to what is shown.
  const ranked = [...items].sort((a, b) => Number(a.quiet) - Number(b.quiet));
  return items.map((entry) => ({ ...entry, color: colorAt(ranked.indexOf(entry)) }));
}

interface Direction {
  name: string;
  word: string;
  mark: string;
}

/** Two directions of one thing, the first above the zero line, the second below it. */
function mirrored(frame: Frame, label: string, up: Direction, down: Direction): Line[] {
  const items = itemsOf(frame, [up.name, down.name], label);
  const find = (name: string, item: string) =>
    tracksByLabel(frame, name, label).find((entry) => entry.item === item)?.track;
  const withBand = items.filter((entry) => !entry.quiet).length === 1;
  return items.flatMap(({ item, quiet, color }) => {
    const name = displayName(item, 32);
    const line = (track: Track | undefined, { word, mark }: Direction, below: boolean): Line[] =>
      track
        ? [
            {
              id: `${item} ${word}`,
              label: `${name} ${word}`,
              item,
              itemLabel: name,
              color,
              values: track.avg,
              band: withBand ? { min: track.min, max: track.max } : undefined,
              mirrored: below,
              paired: mark,
              hiddenByDefault: quiet,
            },
          ]
        : [];
    return [...line(find(up.name, item), up, false), ...line(find(down.name, item), down, true)];
  });
}

function orNull(frame: Frame, lines: Line[]) {
  return lines.some((line) => hasValues(line.values)) ? { times: frame.times, lines } : null;
}

const network: ChartDef = {
  id: 'network',
  title: 'Network',
  group: 'traffic',
  maxAtLeast: 1024,
  base: 2,
  format: (value, context) => (context.netUnit === 'bits' ? bitsPerSecond(value) : bytesPerSecond(value)),
  note: () => 'in above, out below',
  build: (frame) =>
    orNull(
      frame,
      mirrored(
        frame,
        'iface',
        { name: 'net.rx_bytes', word: 'in', mark: '↓' },
        { name: 'net.tx_bytes', word: 'out', mark: '↑' },
      ),
    ),
};

const packets: ChartDef = {
  id: 'packets',
  title: 'Packets',
  group: 'packets',
  maxAtLeast: 10,
  format: (value) => perSecond(value),
  note: () => 'in above, out below',
  build: (frame) =>
    orNull(
      frame,
      mirrored(
        frame,
        'iface',
        { name: 'net.rx_packets', word: 'in', mark: '↓' },
        { name: 'net.tx_packets', word: 'out', mark: '↑' },
      ),
    ),
};

const errors: ChartDef = {
  id: 'net-errors',
  title: 'Network errors and drops',
  group: 'packets',
  maxAtLeast: 1,
  format: (value) => perSecond(value),
  note: () => 'in and out together',
  build(frame) {
    const lines: Line[] = [];
    let index = 0;
    for (const [kind, word] of [
      ['errors', 'errors'],
      ['dropped', 'dropped'],
    ] as const) {
      for (const { item, track } of tracksByLabel(frame, `net.rx_${kind}`, 'iface')) {
        const out = tracksByLabel(frame, `net.tx_${kind}`, 'iface').find(
          (entry) => entry.item === item,
        )?.track;
        const values = out ? combine([track.avg, out.avg], (a, b) => a + b) : track.avg;
        // Nothing went wrong on this interface: no line for it.
        if (!values.some((value) => value !== null && value > 0)) continue;
        const name = `${displayName(item, 32)} ${word}`;
        lines.push({
          id: `${item} ${word}`,
          label: name,
          item: `${item} ${word}`,
          itemLabel: name,
          color: colorAt(index),
          values,
        });
        index += 1;
      }
    }
    return orNull(frame, lines);
  },
};

const diskIo: ChartDef = {
  id: 'disk-io',
  title: 'Disk throughput',
  group: 'disks',
  base: 2,
  maxAtLeast: 1024,
  format: (value) => bytesPerSecond(value),
  note: () => 'read above, written below',
  build: (frame) =>
    orNull(
      frame,
      mirrored(
        frame,
        'device',
        { name: 'disk.read_bytes', word: 'read', mark: 'read' },
        { name: 'disk.written_bytes', word: 'written', mark: 'written' },
      ),
    ),
};

const diskOps: ChartDef = {
  id: 'disk-ops',
  title: 'Disk operations',
  group: 'disks',
  maxAtLeast: 10,
  format: (value) => perSecond(value),
  note: () => 'reads above, writes below',
  build: (frame) =>
    orNull(
      frame,
      mirrored(
        frame,
        'device',
        { name: 'disk.reads', word: 'reads', mark: 'reads' },
        { name: 'disk.writes', word: 'writes', mark: 'writes' },
      ),
    ),
};

const diskBusy: ChartDef = {
  id: 'disk-busy',
  title: 'Disk busy',
  group: 'disks',
  max: 100,
  format: (value) => percent(value),
  build(frame) {
    const items = itemsOf(frame, ['disk.io_ms'], 'device');
    const tracks = new Map(
      tracksByLabel(frame, 'disk.io_ms', 'device').map(({ item, track }) => [item, track]),
    );
    // 1000 ms of work a second is a disk that never rests.
    const toPercent = (cells: Cell[]) => combine([cells], (rate) => Math.min(100, rate / 10));
    return orNull(
      frame,
      items.map(({ item, quiet, color }): Line => {
        const track = tracks.get(item)!;
        const name = displayName(item, 32);
        return {
          id: item,
          label: name,
          item,
          itemLabel: name,
          color,
          values: toPercent(track.avg),
          band: items.length <= 2 ? { min: toPercent(track.min), max: toPercent(track.max) } : undefined,
          hiddenByDefault: quiet,
        };
      }),
    );
  },
};

const filesystems: ChartDef = {
  id: 'filesystems',
  title: 'Filesystems in use',
  group: 'filesystems',
  max: 100,
  format: (value) => percent(value),
  build(frame) {
    const by = (name: string) =>
      new Map(tracksByLabel(frame, name, 'mount').map(({ item, track }) => [item, track]));
    const free = by('fs.free_bytes');
    const available = by('fs.available_bytes');
    const lines: Line[] = [];
    for (const { item, track: total } of tracksByLabel(frame, 'fs.total_bytes', 'mount')) {
      const left = free.get(item) ?? available.get(item);
      if (!left) continue;
      // As `df` counts: what root alone may use is neither used nor available.
      const values = combine([total.avg, left.avg, (available.get(item) ?? left).avg], (all, f, a) => {
        const used = Math.max(0, all - f);
        return used + a > 0 ? (used / (used + a)) * 100 : 0;
      });
      if (!hasValues(values)) continue;
      const name = displayName(item, 40);
      lines.push({ id: item, label: name, item, itemLabel: name, color: colorAt(lines.length), values });
    }
    return orNull(frame, lines);
  },
};

export const DEVICE_CHARTS = { network, packets, errors, diskIo, diskOps, diskBusy, filesystems };
