import { describe, expect, it } from 'vitest';
import { pointsFor } from './range';
import { fleetViewSearch, nodeViewSearch, parseFleetView, parseNodeView, safeNext } from './url-state';

describe('node view', () => {
  it('survives the way through the address', () => {
    const view = {
      rangeId: '7d',
      fixed: { from: 1_000_000, to: 2_000_000 },
      switched: new Map([
        ['network~eth0,1&x=y', true],
        ['cpu~steal', false],
      ]),
      netUnit: 'bits' as const,
    };
    expect(parseNodeView(nodeViewSearch(view))).toEqual(view);
  });
  it('is as remembered where the address says nothing, and the address wins', () => {
    const habits = { rangeId: '24h', netUnit: 'bits' as const };
    expect(parseNodeView('', habits)).toMatchObject(habits);
    expect(parseNodeView('?range=1h&net=bytes', habits)).toMatchObject({ rangeId: '1h', netUnit: 'bytes' });
    expect(nodeViewSearch(parseNodeView('', habits))).toBe('?range=24h&net=bits');
    // Also where somebody goes back to what is the first habit of all.
    const first = { ...parseNodeView('', habits), rangeId: '15m', netUnit: 'bytes' as const };
    expect(parseNodeView(nodeViewSearch(first, true), habits)).toEqual(first);
  });
  it('is short when nothing is special', () => {
    expect(nodeViewSearch(parseNodeView(''))).toBe('');
  });
  it('falls back to sense for nonsense', () => {
    const view = parseNodeView('?range=9z&from=x&to=5');
    expect(view.rangeId).toBe('15m');
    expect(view.fixed).toBeNull();
    expect(parseNodeView('?from=2000000&to=1000000').fixed).toBeNull();
    expect(parseNodeView('?from=1000&to=1001').fixed).toBeNull();
  });
});

describe('fleet view', () => {
  it('survives the way through the address', () => {
    const view = {
      filter: 'offline',
      query: 'pi & co',
      sort: 'cpu',
      descending: true,
      layout: 'table',
    } as const;
    expect(parseFleetView(fleetViewSearch(view))).toEqual(view);
    expect(fleetViewSearch(parseFleetView(''))).toBe('');
  });
  it('ignores what it does not know', () => {
    expect(parseFleetView('?state=on-fire&sort=__proto__&view=3d')).toEqual(parseFleetView(''));
  });
});

it('returns after login only to a path of our own', () => {
  expect(safeNext('/nodes/3?range=1h')).toBe('/nodes/3?range=1h');
  for (const bad of [
    null,
    '',
    'https://evil.example/',
    '//evil.example',
    '/\\evil.example',
    '/login?next=/login',
    'nodes',
  ]) {
    expect(safeNext(bad), String(bad)).toBe('/');
  }
});

it('never asks for buckets finer than the interval', () => {
  expect(pointsFor(300_000, 1_000)).toBe(300);
  expect(pointsFor(300_000, 5_000)).toBe(60);
  expect(pointsFor(20_000, 60_000)).toBe(10);
  expect(pointsFor(86_400_000, 200)).toBe(300);
});
