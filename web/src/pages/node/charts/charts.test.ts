import { describe, expect, it } from 'vitest';
import type { Cell, HistorySeries } from '../../../api/types';
import { frameFrom } from '../frame';
import { CHARTS } from '.';
import { plotOf } from './plot-data';
import { marksOf, niceScale, timeMark } from './scale';

function series(key: string, avg: Cell[], kind: 'counter' | 'gauge' = 'counter'): HistorySeries {
  return { key, unit: '', kind, avg, min: avg, max: avg };
}
function build(id: string, list: HistorySeries[], cores: number | null = 4) {
  const frame = frameFrom({
    node: 1,
    from: 0,
    to: 2_000,
    step_ms: 1_000,
    tier: 'raw',
    times: [0, 1_000],
    series: list,
    gaps: [],
  });
  return CHARTS.find((chart) => chart.id === id)!.build(frame, { cores, netUnit: 'bytes' });
}
const valuesOf = (chart: ReturnType<typeof build>, line: string) =>
  chart?.lines.find((l) => l.id === line)?.values;

describe('charts', () => {
  it('show the CPU as share of the whole machine', () => {
    const chart = build('cpu', [
      series('cpu.user_ms', [1_000, 4_000]),
      series('cpu.nice_ms', [1_000, 0]),
      series('cpu.system_ms', [400, 0]),
      series('cpu.idle_ms', [1_600, 0]),
    ]);
    expect(valuesOf(chart, 'user')).toEqual([50, 100]);
    expect(valuesOf(chart, 'system')).toEqual([10, 0]);
  });
  it('need nobody to say how many cores there are', () => {
    const chart = build(
      'cpu',
      [series('cpu.user_ms', [1_000, 500]), series('cpu.idle_ms', [1_000, 1_500])],
      null,
    );
    expect(valuesOf(chart, 'user')).toEqual([50, 25]);
  });
  it('say nothing of counters that stand still, of the machine and of each core alike', () => {
    const still = (label: string) => [
      series(`cpu.user_ms${label}`, [0, 300]),
      series(`cpu.idle_ms${label}`, [0, 700]),
      series(`cpu.iowait_ms${label}`, [0, 0]),
    ];
    expect(valuesOf(build('cpu', still('')), 'user')).toEqual([null, 30]);
    const cores = build('cores', [...still('{core=0}'), ...still('{core=1}')]);
    expect(valuesOf(cores, '1')).toEqual([null, 30]);
  });
  it('count a core as busy by all that it did, and iowait as rest', () => {
    const core = (label: string) => [
      series(`cpu.user_ms${label}`, [100, 500]),
      series(`cpu.softirq_ms${label}`, [50, 500]),
      series(`cpu.steal_ms${label}`, [50, 0]),
      series(`cpu.idle_ms${label}`, [700, 0]),
      series(`cpu.iowait_ms${label}`, [100, 0]),
    ];
    const cores = build('cores', [...core('{core=0}'), ...core('{core=1}')]);
    expect(valuesOf(cores, '0')).toEqual([20, 100]);
  });
  it('become a map when there are more lines than colours', () => {
    const cores = (count: number) =>
      build(
        'cores',
        Array.from({ length: count }, (_, core) => [
          series(`cpu.user_ms{core=${core}}`, [1, 1]),
          series(`cpu.idle_ms{core=${core}}`, [9, 9]),
        ]).flat(),
      )!;
    const heat = (count: number) =>
      plotOf({ heat: true }, cores(count), () => true, { bridgeMs: 0, gaps: [], bands: false }).heat;
    expect([heat(8), heat(9), heat(16)]).toEqual([false, true, true]);
  });
  it('give the first colour to the busiest interface', () => {
    const list = Array.from({ length: 8 }, (_, index) => [
      series(`net.rx_bytes{iface=eth${index}}`, [index, index]),
      series(`net.tx_bytes{iface=eth${index}}`, [index, index]),
    ]).flat();
    const lines = build('network', list)!.lines;
    expect(lines.find((line) => line.item === 'eth7')!.color).toBe('s1');
  });
  it('show the hottest of many sensors, and the fullest of many filesystems', () => {
    const sensors = Array.from({ length: 12 }, (_, index) =>
      series(`temp.celsius_milli{sensor=s${index}}`, [index * 1_000, index * 1_000], 'gauge'),
    );
    const shown = build('temperature', sensors)!.lines.filter((line) => !line.hiddenByDefault);
    expect(shown.map((line) => line.item)).toEqual(['s4', 's5', 's6', 's7', 's8', 's9', 's10', 's11']);
    const disks = Array.from({ length: 12 }, (_, index) => [
      series(`fs.total_bytes{mount=/${index}}`, [100, 100], 'gauge'),
      series(`fs.free_bytes{mount=/${index}}`, [100 - index, 100 - index], 'gauge'),
    ]).flat();
    const full = build('filesystems', disks)!.lines.filter((line) => !line.hiddenByDefault);
    expect(full.map((line) => line.item)).toEqual(['/4', '/5', '/6', '/7', '/8', '/9', '/10', '/11']);
  });
  it('say what is available in words, and draw only what memory is made of', () => {
    const chart = build('memory', [
      series('mem.total_bytes', [1_000, 1_000], 'gauge'),
      series('mem.free_bytes', [100, 100], 'gauge'),
      series('mem.available_bytes', [600, 600], 'gauge'),
    ])!;
    expect(chart.lines.find((line) => line.id === 'available')).toMatchObject({ figure: true });
    const drawn = plotOf({ stacked: true }, chart, () => true, { bridgeMs: 0, gaps: [], bands: false });
    expect(drawn.series.map(({ line }) => line.id)).toEqual(['used', 'total']);
  });
  it('count memory as free does', () => {
    const chart = build('memory', [
      series('mem.total_bytes', [1_000, null], 'gauge'),
      series('mem.free_bytes', [100, 100], 'gauge'),
      series('mem.available_bytes', [600, 100], 'gauge'),
      series('mem.buffers_bytes', [50, 100], 'gauge'),
      series('mem.cached_bytes', [500, 100], 'gauge'),
    ]);
    expect(valuesOf(chart, 'used')).toEqual([400, null]);
    // The stack ends where free memory begins, though some of the cache is counted as used.
    expect(valuesOf(chart, 'buffers')![0]! + valuesOf(chart, 'cached')![0]!).toBe(500);
  });
  it('count filesystems as df does', () => {
    const key = (name: string) => `fs.${name}_bytes{mount=/srv\\,x,type=ext4}`;
    const chart = build('filesystems', [
      series(key('total'), [100, 100], 'gauge'),
      series(key('free'), [40, 30], 'gauge'),
      series(key('available'), [20, 10], 'gauge'),
    ]);
    expect(valuesOf(chart, '/srv,x')).toEqual([75, 87.5]);
  });
  it('are left out when there is nothing to show', () => {
    for (const chart of CHARTS) expect(build(chart.id, [])).toBeNull();
    expect(
      build('swap', [
        series('swap.total_bytes', [0, 0], 'gauge'),
        series('swap.free_bytes', [0, 0], 'gauge'),
      ]),
    ).toBeNull();
    expect(build('net-errors', [series('net.rx_errors{iface=eth0}', [0, 0])])).toBeNull();
    expect(build('temperature', [series('temp.celsius_milli{sensor=x}', [null, null], 'gauge')])).toBeNull();
  });
  it('keep loopback switched off beside a real interface, and on when it is alone', () => {
    const lo = [series('net.rx_bytes{iface=lo}', [9, 9]), series('net.tx_bytes{iface=lo}', [9, 9])];
    const eth = [series('net.rx_bytes{iface=eth0}', [1, 1]), series('net.tx_bytes{iface=eth0}', [1, 1])];
    expect(build('network', lo)!.lines.every((line) => !line.hiddenByDefault)).toBe(true);
    const both = build('network', [...lo, ...eth])!;
    expect(both.lines.filter((line) => line.hiddenByDefault).map((line) => line.item)).toEqual(['lo', 'lo']);
    expect(both.lines.find((line) => line.item === 'eth0')!.color).toBe('s1');
  });
});

describe('plots', () => {
  const line = (id: string, values: Cell[], extra = {}) => ({
    id,
    label: id,
    item: id,
    itemLabel: id,
    color: 's1',
    values,
    ...extra,
  });
  const options = { bridgeMs: 0, gaps: [], bands: true };
  it('stack from the top down, each on the sum below, and count what is drawn', () => {
    const chart = { times: [0, 1], lines: [line('a', [1, null]), line('b', [2, 5])] };
    const plot = plotOf({ stacked: true }, chart, () => true, options);
    expect(plot.data).toEqual([
      [0, 1],
      [3, null],
      [1, null],
    ]);
    expect(plot.points).toBe(3);
    expect(plot.bands).toMatchObject([{ upper: 1, lower: 2 }]);
  });
  it('leave switched-off lines out of the stack', () => {
    const chart = { times: [0], lines: [line('a', [1]), line('b', [2])] };
    expect(plotOf({ stacked: true }, chart, (l) => l.id === 'b', options).data).toEqual([[0], [2]]);
  });
  it('turn mirrored lines over, bands included', () => {
    const chart = { times: [0], lines: [line('a', [3], { mirrored: true, band: { min: [1], max: [9] } })] };
    expect(plotOf({}, chart, () => true, options).data).toEqual([[0], [-3], [-1], [-9]]);
  });
});

describe('scales', () => {
  it('end on round marks around the data', () => {
    expect(niceScale(0, 87)).toEqual({ min: 0, max: 100, step: 25 });
    expect(marksOf(niceScale(-3, 9))).toEqual([-5, 0, 5, 10]);
  });
  it('use powers of two for bytes and bits for links', () => {
    expect(marksOf(niceScale(0, 4 * 2 ** 30, 2))).toEqual([0, 1, 2, 3, 4].map((n) => n * 2 ** 30));
    expect(niceScale(0, 125_000, 10, 8).step * 8).toBe(250_000);
  });
  it('are never empty, even for one flat value', () => {
    for (const [min, max] of [
      [0, 0],
      [40, 40],
      [-1, -1],
    ] as const) {
      for (const zero of [true, false]) {
        const scale = niceScale(min, max, 10, 1, 4, zero);
        expect(scale.max).toBeGreaterThan(scale.min);
        expect(marksOf(scale).length).toBeLessThan(12);
      }
    }
  });
  it('say the time as fine as the marks are apart', () => {
    const noon = new Date(2026, 2, 9, 12, 30, 5).getTime();
    expect(timeMark(noon, 1_000)).toBe('12:30:05');
    expect(timeMark(noon, 60_000)).toBe('12:30');
    expect(timeMark(noon, 86_400_000)).toBe('9 Mar');
    expect(timeMark(new Date(2026, 2, 1).getTime(), 31 * 86_400_000)).toBe('Mar');
    expect(timeMark(new Date(2026, 2, 9).getTime(), 3_600_000)).toBe('9 Mar');
  });
});
