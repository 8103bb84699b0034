import type { Cell } from '../../../api/types';
import { displayName } from '../../../lib/series-key';
import { bitsPerSecond, bytesPerSecond, percent, perSecond } from '../../../lib/units';
import { usedPercent } from '../filesystems';
import { combine, type Frame, hasValues, type Track, tracksByLabel } from '../frame';
import { type Ranked, rank, ranked } from './items';
import type { BuildContext, ChartDef, Line } from './model';

function sum(cells: readonly Cell[]): number {
  return cells.reduce<number>((total, cell) => total + (cell ?? 0), 0);
}

/** Items in natural order, with who is shown at first: the busiest, never loopback beside others. */
function itemsOf(frame: Frame, names: readonly string[], label: string, context: BuildContext): Ranked[] {
  const busy = new Map<string, number>();
  for (const name of names) {
    for (const { item, track } of tracksByLabel(frame, name, label)) {
      if (hasValues(track.avg)) busy.set(item, (busy.get(item) ?? 0) + sum(track.avg));
    }
  }
  const others = [...busy].some(([item, total]) => item !== 'lo' && total > 0);
  if (others && busy.has('lo')) busy.set('lo', 0);
  return rank(`${names[0]}/${label}`, busy, context);
}

interface Direction {
  name: string;
  word: string;
  mark: string;
}

/** Two directions of one thing, the first above the zero line, the second below it. */
function mirrored(
  frame: Frame,
  context: BuildContext,
  label: string,
  up: Direction,
  down: Direction,
): Line[] {
  const items = itemsOf(frame, [up.name, down.name], label, context);
  const find = (name: string, item: string) =>
    tracksByLabel(frame, name, label).find((entry) => entry.item === item)?.track;
  const withBand = items.filter((entry) => !entry.quiet).length === 1;
  return items.flatMap(({ item, quiet, color, again }) => {
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
              again,
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

function twoWays(label: string, up: Direction, down: Direction): ChartDef['build'] {
  return (frame, context) => orNull(frame, mirrored(frame, context, label, up, down));
}

const network: ChartDef = {
  id: 'network',
  title: 'Network',
  group: 'traffic',
  maxAtLeast: 1024,
  base: 2,
  format: (value, context) => (context.netUnit === 'bits' ? bitsPerSecond(value) : bytesPerSecond(value)),
  note: () => 'in above, out below',
  build: twoWays(
    'iface',
    { name: 'net.rx_bytes', word: 'in', mark: '↓' },
    { name: 'net.tx_bytes', word: 'out', mark: '↑' },
  ),
};

const packets: ChartDef = {
  id: 'packets',
  title: 'Packets',
  group: 'packets',
  maxAtLeast: 10,
  format: (value) => perSecond(value),
  note: () => 'in above, out below',
  build: twoWays(
    'iface',
    { name: 'net.rx_packets', word: 'in', mark: '↓' },
    { name: 'net.tx_packets', word: 'out', mark: '↑' },
  ),
};

const errors: ChartDef = {
  id: 'net-errors',
  title: 'Network errors and drops',
  group: 'packets',
  maxAtLeast: 1,
  format: (value) => perSecond(value),
  note: () => 'in and out together',
  build(frame, context) {
    const lines: Line[] = [];
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
          color: 's1',
          values,
        });
      }
    }
    return orNull(frame, ranked('net-errors', lines, context));
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
  build: twoWays(
    'device',
    { name: 'disk.read_bytes', word: 'read', mark: 'read' },
    { name: 'disk.written_bytes', word: 'written', mark: 'written' },
  ),
};

const diskOps: ChartDef = {
  id: 'disk-ops',
  title: 'Disk operations',
  group: 'disks',
  maxAtLeast: 10,
  format: (value) => perSecond(value),
  note: () => 'reads above, writes below',
  build: twoWays(
    'device',
    { name: 'disk.reads', word: 'reads', mark: 'reads' },
    { name: 'disk.writes', word: 'writes', mark: 'writes' },
  ),
};

const diskBusy: ChartDef = {
  id: 'disk-busy',
  title: 'Disk busy',
  group: 'disks',
  max: 100,
  format: (value) => percent(value),
  build(frame, context) {
    const items = itemsOf(frame, ['disk.io_ms'], 'device', context);
    const tracks = new Map(
      tracksByLabel(frame, 'disk.io_ms', 'device').map(({ item, track }) => [item, track]),
    );
    // 1000 ms of work a second is a disk that never rests.
    const toPercent = (cells: Cell[]) => combine([cells], (rate) => Math.min(100, rate / 10));
    return orNull(
      frame,
      items.map(({ item, quiet, color, again }): Line => {
        const track = tracks.get(item)!;
        const name = displayName(item, 32);
        return {
          id: item,
          label: name,
          item,
          itemLabel: name,
          color,
          again,
          values: toPercent(track.avg),
          band: items.length <= 2 ? { min: toPercent(track.min), max: toPercent(track.max) } : undefined,
          hiddenByDefault: quiet,
        };
      }),
    );
  },
};

/** Shares of filesystems, the fullest shown: a name of what is in it, and one of what is left. */
function sharesOf(
  frame: Frame,
  context: BuildContext,
  key: string,
  names: { total: string; free: string; available: string },
): Line[] {
  const by = (name: string) =>
    new Map(tracksByLabel(frame, name, 'mount').map(({ item, track }) => [item, track]));
  const free = by(names.free);
  const available = by(names.available);
  const lines: Line[] = [];
  for (const { item, track: total } of tracksByLabel(frame, names.total, 'mount')) {
    const left = free.get(item) ?? available.get(item);
    if (!left) continue;
    const values = combine(
      [total.avg, left.avg, (available.get(item) ?? left).avg],
      (all, f, a) => usedPercent(Math.max(0, all - f), a) ?? 0,
    );
    // A filesystem without a number of inodes says that it has none.
    if (!hasValues(values) || !total.avg.some((value) => value !== null && value > 0)) continue;
    const name = displayName(item, 40);
    lines.push({ id: item, label: name, item, itemLabel: name, color: 's1', values });
  }
  return ranked(key, lines, context);
}

function shares(key: string, names: Parameters<typeof sharesOf>[3]): ChartDef['build'] {
  return (frame, context) => orNull(frame, sharesOf(frame, context, key, names));
}

const filesystems: ChartDef = {
  id: 'filesystems',
  title: 'Filesystems in use',
  group: 'filesystems',
  max: 100,
  format: (value) => percent(value),
  build: shares('filesystems', {
    total: 'fs.total_bytes',
    free: 'fs.free_bytes',
    available: 'fs.available_bytes',
  }),
};

const inodes: ChartDef = {
  id: 'inodes',
  title: 'Inodes in use',
  group: 'filesystems',
  max: 100,
  format: (value) => percent(value),
  build: shares('inodes', {
    total: 'fs.files',
    free: 'fs.files_free',
    available: 'fs.files_free',
  }),
};

export const DEVICE_CHARTS = { network, packets, errors, diskIo, diskOps, diskBusy, filesystems, inodes };
