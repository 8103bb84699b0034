import { describe, expect, it } from 'vitest';
import type { Node } from '../api/types';
import { countStates, EMPTY_FLEET, extendSpark, fleetTitle, reduceFleet, shownStatus } from './fleet';

const SERVER = 5_000_000;
const HERE = 1_000_000;

function node(id: number, part: Partial<Node> = {}): Node {
  return {
    id,
    name: `n${id}`,
    tags: [],
    status: 'online',
    interval_ms: 1_000,
    last_seen_ms: SERVER,
    ...part,
  };
}
const start = (...nodes: Node[]) =>
  reduceFleet(EMPTY_FLEET, { type: 'snapshot', time_ms: SERVER, version: '0.1.0', nodes }, HERE);

describe('the live fleet', () => {
  it('starts with a snapshot and knows how the clocks differ', () => {
    const state = start(node(1), node(2));
    expect([...state.nodes!.keys()]).toEqual([1, 2]);
    expect(state.skewMs).toBe(SERVER - HERE);
    expect(state.version).toBe('0.1.0');
  });
  it('takes over only the fields that changed and leaves other nodes the same objects', () => {
    const state = start(node(1, { name: 'pi', tags: ['home'] }), node(2));
    const next = reduceFleet(
      state,
      { type: 'changes', time_ms: SERVER + 1, nodes: [{ id: 1, status: 'offline', reason: 'gone' }] },
      HERE + 1,
    );
    expect(next.nodes!.get(1)).toMatchObject({
      name: 'pi',
      tags: ['home'],
      status: 'offline',
      reason: 'gone',
    });
    expect(next.nodes!.get(2)).toBe(state.nodes!.get(2));
    expect(state.nodes!.get(1)!.status).toBe('online');
  });
  it('adds new nodes, removes gone ones, ignores fragments of unknown ones and changes before the snapshot', () => {
    const change = {
      type: 'changes' as const,
      time_ms: SERVER,
      nodes: [node(3), { id: 9, status: 'offline' as const }],
      removed: [1],
    };
    const next = reduceFleet(start(node(1), node(2)), change, HERE);
    expect([...next.nodes!.keys()]).toEqual([2, 3]);
    expect(reduceFleet(EMPTY_FLEET, change, HERE).nodes).toBeNull();
  });
  it('takes samples in rows, under the names that the snapshot gives', () => {
    const first = reduceFleet(
      EMPTY_FLEET,
      {
        type: 'snapshot',
        time_ms: SERVER,
        version: '0.1.0',
        nodes: [node(1, { name: 'pi', summary: { mem_used_bytes: 5, load_1m: 9 } }), node(2), node(3)],
        sample_fields: ['id', 'last_seen_ms', 'time_ms', 'cpu_percent', 'mem_used_bytes', 'disk_mount'],
      },
      HERE,
    );
    const next = reduceFleet(
      first,
      {
        type: 'changes',
        time_ms: SERVER + 1,
        samples: [
          [1, SERVER + 1, SERVER, 12.5, null, '/'],
          [3, SERVER + 1],
          [9, SERVER, SERVER, 1, 1, null],
        ],
      },
      HERE + 1,
    );
    expect(next.nodes!.get(1)).toMatchObject({ name: 'pi', last_seen_ms: SERVER + 1, heardAt: HERE + 1 });
    // As a whole: what is not in it any more is not known any more.
    const summary = { time_ms: SERVER, cpu_percent: 12.5, mem_used_bytes: null, disk_mount: '/' };
    expect(next.nodes!.get(1)!.summary).toEqual(summary);
    expect(next.nodes!.get(1)!.spark!.cpu_percent).toEqual([12.5]);
    expect(next.nodes!.get(2)).toBe(first.nodes!.get(2));
    expect(next.nodes!.get(3)!.summary).toBeUndefined();
    expect(next.nodes!.size).toBe(3);
  });
  it('replaces everything at the next snapshot', () => {
    const next = reduceFleet(
      start(node(1)),
      { type: 'snapshot', time_ms: SERVER, version: '0.2.0', nodes: [node(7)] },
      HERE,
    );
    expect([...next.nodes!.keys()]).toEqual([7]);
  });
});

describe('stale', () => {
  it('means three intervals without a sample, by our own clock', () => {
    const first = start(node(1, { interval_ms: 1_000 })).nodes!.get(1)!;
    expect(shownStatus(first, HERE + 4_900)).toBe('online');
    expect(shownStatus(first, HERE + 5_100)).toBe('stale');
  });
  it('waits for the turn that a node of a large fleet has', () => {
    const snapshot = {
      type: 'snapshot' as const,
      time_ms: SERVER,
      version: '0.1.0',
      turns: 20,
      nodes: [node(1)],
      sample_fields: ['id', 'last_seen_ms'],
    };
    const first = reduceFleet(EMPTY_FLEET, snapshot, HERE);
    expect(shownStatus(first.nodes!.get(1)!, HERE + 14_400)).toBe('online');
    expect(shownStatus(first.nodes!.get(1)!, HERE + 14_600)).toBe('stale');
    // The fleet has become smaller.
    const row = { type: 'changes' as const, time_ms: SERVER, turns: 3, samples: [[1, SERVER]] };
    const next = reduceFleet(first, row, HERE);
    expect(shownStatus(next.nodes!.get(1)!, HERE + 5_900)).toBe('online');
    expect(shownStatus(next.nodes!.get(1)!, HERE + 6_100)).toBe('stale');
  });
  it('counts the age that a node had in the snapshot', () => {
    const old = start(node(1, { last_seen_ms: SERVER - 60_000 })).nodes!.get(1)!;
    expect(shownStatus(old, HERE)).toBe('stale');
  });
  it('ends with the next summary', () => {
    const state = start(node(1, { last_seen_ms: SERVER - 60_000 }));
    const next = reduceFleet(
      state,
      { type: 'changes', time_ms: SERVER, nodes: [{ id: 1, summary: { cpu_percent: 3 } }] },
      HERE + 10,
    );
    expect(shownStatus(next.nodes!.get(1)!, HERE + 10)).toBe('online');
  });
  it('is never said of a node that is offline or pending', () => {
    const state = start(
      node(1, { status: 'offline', last_seen_ms: 1 }),
      node(2, { status: 'pending', last_seen_ms: null }),
      node(3),
    );
    expect(countStates(state.nodes!.values(), HERE)).toEqual({
      all: 3,
      online: 1,
      offline: 1,
      stale: 0,
      pending: 1,
      outdated: 0,
    });
  });
  it('counts Spiders of another version than ours, where both are known', () => {
    const state = start(node(1, { spider_version: '0.0.9' }), node(2, { spider_version: '0.1.0' }), node(3));
    expect(countStates(state.nodes!.values(), HERE, '0.1.0').outdated).toBe(1);
    expect(countStates(state.nodes!.values(), HERE).outdated).toBe(0);
  });
});

describe('sparks', () => {
  const spark = { step_ms: 20_000, end_ms: 100_000, cpu_percent: [10, null, 30] };
  it('averages readings into the bucket under way', () => {
    const one = extendSpark(spark, 1, 99_000, 50);
    expect(one.spark.cpu_percent).toEqual([10, null, 40]);
    expect(one.sparkCount).toBe(2);
  });
  it('opens new buckets, with holes where nothing came', () => {
    const next = extendSpark(spark, 5, 145_000, 7);
    expect(next.spark.cpu_percent).toEqual([10, null, 30, null, null, 7]);
    expect(next.spark.end_ms).toBe(160_000);
    expect(next.sparkCount).toBe(1);
  });
  it('never grows over 15 minutes, even after a very long pause', () => {
    let state: { spark: typeof spark; sparkCount: number } = { spark, sparkCount: 1 };
    for (let t = 100_000; t < 3_000_000; t += 20_000)
      state = extendSpark(state.spark, state.sparkCount, t, 1);
    expect(state.spark.cpu_percent).toHaveLength(45);
    expect(extendSpark(spark, 1, 9e12, 5).spark.cpu_percent.length).toBeLessThanOrEqual(45);
  });
  it('leaves out readings that come late', () => {
    expect(extendSpark(spark, 1, 79_000, 90)).toEqual({ spark, sparkCount: 1 });
  });
  it('begins from nothing', () => {
    expect(extendSpark(null, 0, 50_000, 5).spark.cpu_percent).toEqual([5]);
  });
});

it('puts what needs a person into the title', () => {
  const counts = { all: 4, online: 1, offline: 2, stale: 1, pending: 0, outdated: 0 };
  expect(fleetTitle(counts)).toBe('2 offline · 1 stale · Stardust');
  expect(fleetTitle({ ...counts, offline: 0, stale: 0 }, 'pi4')).toBe('pi4 · Stardust');
  expect(fleetTitle(null)).toBe('Stardust');
});
