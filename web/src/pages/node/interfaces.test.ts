import { expect, it } from 'vitest';
import type { Cell } from '../../api/types';
import { frameFrom } from './frame';
import { interfacesOf } from './interfaces';

function frame(series: Record<string, Cell[]>) {
  return frameFrom({
    ...{ node: 1, from: 0, to: 3_000, step_ms: 1_000, tier: 'raw', times: [0, 1_000, 2_000], gaps: [] },
    series: Object.entries(series).map(([key, avg]) => ({ key, unit: 'count', kind: 'gauge' as const, avg })),
  });
}

it('says of each interface what it is, whether it is up and how fast, hardware first', () => {
  const rows = interfacesOf(
    frame({
      'net.kind{iface=br0,kind=bridge}': [1, 1, 1],
      'net.kind{iface=eth10,kind=physical}': [1, 1, 1],
      'net.kind{iface=eth2,kind=physical}': [1, 1, null],
      'net.kind{iface=wg0,kind=of-tomorrow}': [1, 1, 1],
      'net.up{iface=eth10}': [1, 1, 0],
      'net.up{iface=eth2}': [0, 1, null],
      'net.speed_mbit{iface=eth2}': [100, 2500, null],
      'net.speed_mbit{iface=eth10}': [0, 0, 0],
      'net.up{iface=odd}': [null, null, null],
    }),
  );
  expect(rows).toEqual([
    { iface: 'eth2', kind: 'physical', up: true, speedBits: 2_500_000_000 },
    { iface: 'eth10', kind: 'physical', up: false, speedBits: null },
    { iface: 'br0', kind: 'bridge', up: null, speedBits: null },
    { iface: 'wg0', kind: 'of-tomorrow', up: null, speedBits: null },
    { iface: 'odd', kind: null, up: null, speedBits: null },
  ]);
});

it('takes the kind that an interface has now', () => {
  const rows = interfacesOf(
    frame({
      'net.kind{iface=a,kind=bond}': [1, null, null],
      'net.kind{iface=a,kind=virtual}': [null, 1, 1],
      'net.kind{iface=b,kind=virtual}': [1, 1, 1],
      'net.kind{iface=b,kind=bond}': [1, null, null],
    }),
  );
  expect(rows.map((row) => [row.iface, row.kind])).toEqual([
    ['a', 'virtual'],
    ['b', 'virtual'],
  ]);
});
