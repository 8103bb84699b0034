import type { LiveMessage, Node, SampleRow, Spark, Summary } from '../api/types';

/** A node and what the Capsule knows about it beside what the server says. */
export interface FleetNode extends Node {
  /** When the last sign of life came, by this browser's clock: the clocks of nodes may be wrong. */
  heardAt: number | null;
  /** How much later than it comes a sample may be told: a large fleet takes turns. */
  turnMs: number;
  /** Samples already in the spark's last bucket. */
  sparkCount: number;
}

export interface FleetState {
  /** Null until the first snapshot. */
  nodes: ReadonlyMap<number, FleetNode> | null;
  version: string;
  /** Server clock minus ours. */
  skewMs: number;
  /** Of nodes whose samples were not told yet. */
  turnMs: number;
  /** What the values of a row of samples are. */
  sampleFields: readonly string[];
}

export const EMPTY_FLEET: FleetState = { nodes: null, version: '', skewMs: 0, turnMs: 0, sampleFields: [] };
const SPARK_POINTS_MAX = 45;

function lastSignOfLife(node: Partial<Node>): number | null {
  const time = Math.max(node.last_seen_ms ?? 0, node.summary?.time_ms ?? 0);
  return time > 0 ? time : null;
}

/** The spark with one more reading: averaged into its bucket, older buckets pushed out. */
export function extendSpark(
  spark: Spark | null | undefined,
  sparkCount: number,
  timeMs: number,
  value: number,
): { spark: Spark; sparkCount: number } {
  if (!spark || spark.step_ms <= 0 || spark.cpu_percent.length === 0) {
    const step_ms = spark?.step_ms || 20_000;
    const end_ms = Math.floor(timeMs / step_ms) * step_ms + step_ms;
    return { spark: { step_ms, end_ms, cpu_percent: [value] }, sparkCount: 1 };
  }
  // Older than the bucket under way: what a Spider kept during an outage is history's business.
  if (timeMs < spark.end_ms - spark.step_ms) return { spark, sparkCount };
  const points = spark.cpu_percent.slice();
  if (timeMs < spark.end_ms) {
    const last = points.at(-1) ?? null;
    points[points.length - 1] = last === null ? value : last + (value - last) / (sparkCount + 1);
    return { spark: { ...spark, cpu_percent: points }, sparkCount: last === null ? 1 : sparkCount + 1 };
  }
  const ahead = Math.floor((timeMs - spark.end_ms) / spark.step_ms) + 1;
  for (let i = 1; i < Math.min(ahead, SPARK_POINTS_MAX); i += 1) points.push(null);
  points.push(value);
  return {
    spark: {
      step_ms: spark.step_ms,
      end_ms: spark.end_ms + ahead * spark.step_ms,
      cpu_percent: points.slice(-SPARK_POINTS_MAX),
    },
    sparkCount: 1,
  };
}

function fresh(node: Node, serverNow: number, now: number, turnMs: number): FleetNode {
  const seen = lastSignOfLife(node);
  return {
    ...node,
    tags: node.tags ?? [],
    heardAt: seen === null ? null : now - Math.max(0, serverNow - seen),
    turnMs,
    // A bucket under way holds as many readings as fit into it, near enough.
    sparkCount: 1,
  };
}

function merged(old: FleetNode, change: Partial<Node>, now: number): FleetNode {
  const next: FleetNode = { ...old, ...change };
  const heard = change.summary != null || change.last_seen_ms != null;
  if (heard) next.heardAt = now;
  const reading = change.summary?.cpu_percent;
  if (!change.spark && next.status === 'online' && typeof reading === 'number') {
    const time = change.summary?.time_ms ?? now;
    Object.assign(next, extendSpark(old.spark, old.sparkCount, time, reading));
  }
  return next;
}

type Change = Partial<Node> & { id: number };

/** How often /live tells of changes. */
const MESSAGES_EVERY_MS = 500;

function turnOf(turns = 1): number {
  return (turns - 1) * MESSAGES_EVERY_MS;
}

/** A row of samples as what changed of its node. */
function sampled(row: SampleRow, fields: readonly string[]): Change {
  const named = Object.fromEntries(row.map((value, index) => [fields[index] ?? '', value]));
  const { id, last_seen_ms, ...summary } = named;
  const change: Change = { id: id as number, last_seen_ms: last_seen_ms as number | null };
  if ('time_ms' in summary) change.summary = summary as Summary;
  return change;
}

/** The fleet after a message of /live. Nodes that did not change stay the same objects. */
export function reduceFleet(state: FleetState, message: LiveMessage, now: number): FleetState {
  if (message.type === 'snapshot') {
    const turnMs = turnOf(message.turns);
    const nodes = new Map(message.nodes.map((node) => [node.id, fresh(node, message.time_ms, now, turnMs)]));
    const skewMs = message.time_ms - now;
    return { nodes, version: message.version, skewMs, turnMs, sampleFields: message.sample_fields ?? [] };
  }
  if (message.type !== 'changes' || !state.nodes) return state;
  const nodes = new Map(state.nodes);
  for (const change of message.nodes ?? []) {
    const old = nodes.get(change.id);
    if (old) nodes.set(change.id, merged(old, change, now));
    // An id that is new comes with all its fields.
    else if (change.name !== undefined)
      nodes.set(change.id, fresh(change as Node, message.time_ms, now, state.turnMs));
  }
  const turnMs = turnOf(message.turns);
  for (const row of message.samples ?? []) {
    const change = sampled(row, state.sampleFields);
    const old = nodes.get(change.id);
    if (old) nodes.set(change.id, { ...merged(old, change, now), turnMs });
  }
  for (const id of message.removed ?? []) nodes.delete(id);
  return { ...state, nodes, skewMs: message.time_ms - now };
}

/** What an API answer says about a node, taken over at once instead of waiting for /live to repeat it. */
export function upsertNode(state: FleetState, node: Node, now: number): FleetState {
  if (!state.nodes) return state;
  const nodes = new Map(state.nodes);
  const old = nodes.get(node.id);
  nodes.set(
    node.id,
    old
      ? { ...old, name: node.name, tags: node.tags ?? [] }
      : fresh(node, now + state.skewMs, now, state.turnMs),
  );
  return { ...state, nodes };
}

export function removeNode(state: FleetState, id: number): FleetState {
  if (!state.nodes?.has(id)) return state;
  const nodes = new Map(state.nodes);
  nodes.delete(id);
  return { ...state, nodes };
}

export type ShownStatus = 'online' | 'stale' | 'offline' | 'pending';

const INTERVALS_UNTIL_STALE = 3;
/** Changes come bundled about once a second: this much lateness is ours, not the node's. */
const BUNDLING_MS = 2_000;

export function shownStatus(node: FleetNode, now: number): ShownStatus {
  if (node.status !== 'online') return node.status;
  if (node.heardAt === null) return 'online';
  const allowed = INTERVALS_UNTIL_STALE * (node.interval_ms ?? 5_000) + BUNDLING_MS + node.turnMs;
  return now - node.heardAt > allowed ? 'stale' : 'online';
}

/** Its Spider is not the one that this Ground Control brings: an upgrade can be offered. */
export function upgradeOf(node: Node, version: string): boolean {
  return version !== '' && node.spider_version != null && node.spider_version !== version;
}

export type Counts = Record<ShownStatus | 'all' | 'outdated', number>;

export function countStates(nodes: Iterable<FleetNode>, now: number, version = ''): Counts {
  const counts: Counts = { all: 0, online: 0, offline: 0, stale: 0, pending: 0, outdated: 0 };
  for (const node of nodes) {
    counts.all += 1;
    if (upgradeOf(node, version)) counts.outdated += 1;
    counts[shownStatus(node, now)] += 1;
  }
  return counts;
}

/** `2 offline · 1 stale · Stardust`: what needs a person, in the tab's title. */
export function fleetTitle(counts: Counts | null, prefix = ''): string {
  const parts = [prefix];
  if (counts && counts.offline > 0) parts.push(`${counts.offline} offline`);
  if (counts && counts.stale > 0) parts.push(`${counts.stale} stale`);
  parts.push('Stardust');
  return parts.filter(Boolean).join(' · ');
}
