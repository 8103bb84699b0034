import type { Cell } from '../../../api/types';
import { displayName } from '../../../lib/series-key';
import { celsius, count, load, percent } from '../../../lib/units';
import { combine, hasValues, tracksByLabel, whole } from '../frame';
import { ITEMS_SHOWN_MAX, ranked } from './items';
import { type ChartDef, colorAt, type Line } from './model';

const clampPercent = (value: number) => Math.max(0, Math.min(100, value));

/** The modes of the CPU, lowest in the stack first, with the series that make them up. */
const MODES: readonly { id: string; label: string; color: string; of: string[] }[] = [
  { id: 'user', label: 'user', color: 's1', of: ['user', 'nice'] },
  { id: 'system', label: 'system', color: 's3', of: ['system', 'irq', 'softirq'] },
  { id: 'iowait', label: 'iowait', color: 's4', of: ['iowait'] },
  { id: 'steal', label: 'steal', color: 's6', of: ['steal'] },
];
const BUSY = ['user', 'nice', 'system', 'irq', 'softirq', 'steal'];
const REST = ['idle', 'iowait'];

const sum = (...values: number[]) => values.reduce((total, value) => total + value, 0);
const known = <T>(list: readonly (T | undefined)[]): T[] => list.filter((one) => one !== undefined);

/** A part of all the time that was counted. Counters that stand still say nothing, not zero and not all. */
function shareOf(part: readonly Cell[], total: readonly Cell[]): Cell[] {
  return part.map((value, index) => {
    const all = total[index] ?? null;
    return value === null || all === null || all <= 0 ? null : clampPercent((value / all) * 100);
  });
}

const cpu: ChartDef = {
  id: 'cpu',
  title: 'CPU',
  group: 'machine',
  stacked: true,
  max: 100,
  format: (value) => percent(value),
  build(frame) {
    const rate = (mode: string) => whole(frame, `cpu.${mode}_ms`)?.avg;
    // Busy over busy plus idle, as the tiles and the fleet count too.
    const total = combine(known([...BUSY, ...REST].map(rate)), sum);
    const lines: Line[] = [];
    for (const mode of MODES) {
      const parts = known(mode.of.map(rate));
      if (parts.length === 0) continue;
      const values = shareOf(combine(parts, sum), total);
      if (!hasValues(values)) continue;
      lines.push({
        id: mode.id,
        label: mode.label,
        item: mode.id,
        itemLabel: mode.label,
        color: mode.color,
        values,
      });
    }
    const idle = whole(frame, 'cpu.idle_ms');
    const iowait = whole(frame, 'cpu.iowait_ms');
    if (lines.length > 0 && idle && frame.stepMs >= 60_000) {
      // On coarse steps the mean hides the bursts: the busiest moment is where the least was idle.
      const least = shareOf(combine(iowait ? [idle.min, iowait.min] : [idle.min], sum), total);
      lines.push({
        id: 'peak',
        label: 'peak',
        item: 'peak',
        itemLabel: 'peak',
        color: 'faint',
        values: combine([least], (rest) => 100 - rest),
        dashed: true,
      });
    }
    return lines.length > 0 ? { times: frame.times, lines } : null;
  },
};

const cores: ChartDef = {
  id: 'cores',
  heat: true,
  title: 'CPU per core',
  group: 'cores',
  max: 100,
  format: (value) => percent(value),
  build(frame) {
    const tracks = new Map<string, Map<string, Cell[]>>();
    for (const track of frame.tracks.values()) {
      const core = track.labels.core;
      if (core === undefined) continue;
      const own = tracks.get(core) ?? new Map<string, Cell[]>();
      tracks.set(core, own.set(track.name, track.avg));
    }
    const lines = tracksByLabel(frame, 'cpu.idle_ms', 'core').map(({ item }, index): Line => {
      const rate = (mode: string) => tracks.get(item)?.get(`cpu.${mode}_ms`);
      const rest = combine(known(REST.map(rate)), sum);
      const busy = known(BUSY.map(rate));
      const values =
        busy.length > 0
          ? shareOf(combine(busy, sum), combine([combine(busy, sum), rest], sum))
          : // Of very many cores only this much is asked for: what is not rest is work.
            combine([rest], (idle) => clampPercent(100 - idle / 10));
      const name = `core ${displayName(item, 12)}`;
      return { id: item, label: name, item, itemLabel: name, color: colorAt(index), values };
    });
    const shown = lines.filter((line) => hasValues(line.values));
    return shown.length > 1 ? { times: frame.times, lines: shown } : null;
  },
};

const loads: ChartDef = {
  id: 'load',
  title: 'Load',
  group: 'machine',
  maxAtLeast: 1,
  format: (value) => load(value),
  build(frame, context) {
    const lines: Line[] = [];
    ['1m', '5m', '15m'].forEach((span, index) => {
      const track = whole(frame, `load.${span}_milli`);
      if (!track || !hasValues(track.avg)) return;
      const milli = (cells: Cell[]) => combine([cells], (value) => value / 1000);
      lines.push({
        id: span,
        label: span.replace('m', ' min'),
        item: span,
        itemLabel: span.replace('m', ' min'),
        color: ['s1', 's2', 's3'][index]!,
        values: milli(track.avg),
        band: index === 0 ? { min: milli(track.min), max: milli(track.max) } : undefined,
      });
    });
    if (lines.length === 0) return null;
    if (context.cores) {
      const cores = context.cores;
      lines.push({
        id: 'cores',
        label: 'cores',
        item: 'cores',
        itemLabel: 'cores',
        color: 'faint',
        values: frame.times.map(() => cores),
        dashed: true,
        reference: true,
      });
    }
    return { times: frame.times, lines };
  },
};

const processes: ChartDef = {
  id: 'processes',
  title: 'Processes',
  group: 'machine',
  format: (value) => count(Math.round(value * 10) / 10),
  build(frame) {
    const lines: Line[] = [];
    for (const [name, label, color] of [
      ['proc.total', 'all', 's1'],
      ['proc.running', 'running', 's2'],
    ] as const) {
      const track = whole(frame, name);
      if (!track || !hasValues(track.avg)) continue;
      lines.push({
        id: label,
        label,
        item: label,
        itemLabel: label,
        color,
        values: track.avg,
        band: { min: track.min, max: track.max },
      });
    }
    return lines.length > 0 ? { times: frame.times, lines } : null;
  },
};

const temperatures: ChartDef = {
  id: 'temperature',
  title: 'Temperature',
  group: 'machine',
  withoutZero: true,
  maxAtLeast: 50,
  format: (value) => celsius(value),
  build(frame, context) {
    const tracks = tracksByLabel(frame, 'temp.celsius_milli', 'sensor');
    const milli = (cells: Cell[]) => combine([cells], (value) => value / 1000);
    const lines = tracks
      .filter(({ track }) => hasValues(track.avg))
      .map(({ item, track }): Line => {
        const name = displayName(item, 32);
        return {
          id: item,
          label: name,
          item,
          itemLabel: name,
          color: 's1',
          values: milli(track.avg),
          band: tracks.length <= 3 ? { min: milli(track.min), max: milli(track.max) } : undefined,
        };
      });
    // The hottest are shown.
    return lines.length > 0 ? { times: frame.times, lines: ranked('temperature', lines, context) } : null;
  },
};

/** The states that say most come first, whatever else there is after them. */
const TCP_STATES = ['established', 'listen', 'time_wait', 'close_wait'];
const stateRank = (state: string) => {
  const rank = TCP_STATES.indexOf(state);
  return rank < 0 ? TCP_STATES.length : rank;
};

const connections: ChartDef = {
  id: 'tcp',
  title: 'TCP connections',
  group: 'machine',
  maxAtLeast: 4,
  format: (value) => count(Math.round(value * 10) / 10),
  build(frame) {
    const lines = tracksByLabel(frame, 'tcp.connections', 'state')
      .sort((a, b) => stateRank(a.item) - stateRank(b.item))
      .filter(({ track }) => hasValues(track.avg))
      .map(({ item, track }, index): Line => {
        const name = displayName(item, 24).replaceAll('_', ' ');
        return {
          id: item,
          label: name,
          item,
          itemLabel: name,
          color: colorAt(index),
          values: track.avg,
          hiddenByDefault: index >= ITEMS_SHOWN_MAX,
          again: index >= ITEMS_SHOWN_MAX,
        };
      });
    return lines.length > 0 ? { times: frame.times, lines } : null;
  },
};

export const MACHINE_CHARTS = { cpu, cores, loads, processes, temperatures, connections };
