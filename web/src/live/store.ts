import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { FleetEvent } from '../api/events';
import type { Job } from '../api/job';
import type { FailedJob, LiveMessage, Node, SeriesInfo } from '../api/types';
import { type Failures, isNews, NO_FAILURES, reduceFailures } from './failures';
import { EMPTY_FLEET, type FleetNode, type FleetState, reduceFleet, removeNode, upsertNode } from './fleet';
import { type JobsState, jobOfNode, NO_JOBS, putJob, reduceJobs } from './jobs';
import { type Connection, IDLE, LiveSocket } from './socket';

/**
 * The live half of the Capsule: one socket, one fleet, its jobs, and samples and output handed to whoever
 * watches a node or follows a job.
 */
type SampleMessage = Extract<LiveMessage, { type: 'sample' }>;
export interface SampleListener {
  onLayout(series: SeriesInfo[], layout: number): void;
  onSample(sample: SampleMessage): void;
  /** The socket is back after a loss: samples in between are in the history. */
  onReconnect(): void;
}

export interface OutputListener {
  onOutput(from: number, text: string): void;
  onReconnect(): void;
}

/** Newest first. `more`: not all that happened is among them. */
export type EventListener = (events: readonly FleetEvent[], more: boolean) => void;

/** Whoever holds the session; it knows of this file, and not the other way round. */
export interface SessionKeeper {
  /** Whether the session is good, as far as the server answers. `said`: why it has ended. */
  onDoubt(said: string | null): Promise<boolean>;
  onAccessChanged(): void;
}
let keeper: SessionKeeper = { onDoubt: () => Promise.resolve(false), onAccessChanged() {} };

let fleet: FleetState = EMPTY_FLEET;
let jobs: JobsState = NO_JOBS;
let failures: Failures = NO_FAILURES;
/** What failed while this page was open, and nobody has put away yet; newest last. */
let news: readonly Job[] = [];
const NEWS_MAX = 20;
/** Jobs that are looked at: how they end needs no telling. */
const shown = new Map<number, number>();
let connection: Connection = IDLE;
let heardAt = 0;
const subscribers = new Set<() => void>();
const watchers = new Map<number, SampleListener>();
/** Several views may show the same job. */
const followers = new Map<number, Set<OutputListener>>();
const eventListeners = new Set<EventListener>();

function publish(): void {
  for (const notify of subscribers) notify();
}

const socket = new LiveSocket(
  () => `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/live`,
  {
    onMessage(message) {
      heardAt = Date.now();
      if (message.type === 'layout') watchers.get(message.node)?.onLayout(message.series, message.layout);
      else if (message.type === 'sample') watchers.get(message.node)?.onSample(message);
      else if (message.type === 'output') {
        for (const follower of followers.get(message.job) ?? []) {
          follower.onOutput(message.from, message.text);
        }
      } else if (message.type === 'events') {
        for (const listener of eventListeners) listener(message.events, message.more);
      } else {
        const nextFleet = reduceFleet(fleet, message, heardAt);
        const nextJobs = reduceJobs(jobs, message);
        const nextFailures = reduceFailures(failures, message);
        if (nextFleet === fleet && nextJobs === jobs && nextFailures === failures) return;
        if (message.type === 'job' && isNews(jobs.get(message.job.id), message.job)) {
          if (!shown.has(message.job.id)) news = [...news, message.job].slice(-NEWS_MAX);
        }
        fleet = nextFleet;
        jobs = nextJobs;
        failures = nextFailures;
        publish();
      }
    },
    onConnection(next) {
      const returned = next.phase === 'open' && connection.lostAt !== null;
      connection = next;
      publish();
      if (!returned) return;
      for (const watcher of watchers.values()) watcher.onReconnect();
      for (const group of followers.values()) for (const follower of group) follower.onReconnect();
    },
    onSessionDoubt: (said) => keeper.onDoubt(said),
    onAccessChanged: () => keeper.onAccessChanged(),
    expectsTraffic() {
      if (!fleet.nodes) return true;
      for (const node of fleet.nodes.values()) {
        if (node.status === 'online' && (node.interval_ms ?? 5_000) <= 10_000) return true;
      }
      return false;
    },
  },
);

export const live = {
  isKeptBy(next: SessionKeeper) {
    keeper = next;
  },
  start: () => socket.start(),
  stop() {
    socket.stop();
    fleet = EMPTY_FLEET;
    jobs = NO_JOBS;
    failures = NO_FAILURES;
    news = [];
    publish();
  },
  retryNow: () => socket.retryNow(),
  fleet: () => fleet,
  watch(node: number, listener: SampleListener): () => void {
    watchers.set(node, listener);
    socket.watch([...watchers.keys()]);
    return () => {
      if (watchers.get(node) !== listener) return;
      watchers.delete(node);
      socket.watch([...watchers.keys()]);
    };
  },
  follow(job: number, listener: OutputListener): () => void {
    const group = followers.get(job) ?? new Set();
    followers.set(job, group.add(listener));
    socket.follow([...followers.keys()]);
    return () => {
      group.delete(listener);
      if (group.size > 0) return;
      followers.delete(job);
      socket.follow([...followers.keys()]);
    };
  },
  onEvents(listener: EventListener): () => void {
    eventListeners.add(listener);
    return () => eventListeners.delete(listener);
  },
  /** What an API answer says about a job, taken over at once. */
  putJob(job: Job) {
    jobs = putJob(jobs, job);
    publish();
  },
  /** This job is looked at, until the answer is called. */
  show(job: number): () => void {
    shown.set(job, (shown.get(job) ?? 0) + 1);
    live.putAway(job);
    return () => {
      const left = (shown.get(job) ?? 1) - 1;
      if (left > 0) shown.set(job, left);
      else shown.delete(job);
    };
  },
  /** Of what failed: that one needs no telling any more. */
  putAway(job: number) {
    if (!news.some((one) => one.id === job)) return;
    news = news.filter((one) => one.id !== job);
    publish();
  },
  upsert(node: Node) {
    fleet = upsertNode(fleet, node, Date.now());
    publish();
  },
  remove(id: number) {
    fleet = removeNode(fleet, id);
    publish();
  },
};

function subscribe(notify: () => void): () => void {
  subscribers.add(notify);
  return () => subscribers.delete(notify);
}

export function useFleet(): FleetState {
  return useSyncExternalStore(subscribe, () => fleet);
}

export function useFleetNode(id: number): FleetNode | undefined {
  return useSyncExternalStore(subscribe, () => fleet.nodes?.get(id));
}

export function useJobs(): JobsState {
  return useSyncExternalStore(subscribe, () => jobs);
}

export function useFailures(): Failures {
  return useSyncExternalStore(subscribe, () => failures);
}

/** What failed on the node last, and was not made up for. */
export function useFailure(node: number): FailedJob | undefined {
  return useSyncExternalStore(subscribe, () => failures.get(node));
}

export function useNews(): readonly Job[] {
  return useSyncExternalStore(subscribe, () => news);
}

/** The job that works on a node now, else the one that waits longest. */
export function useNodeJob(node: number): Job | undefined {
  return useSyncExternalStore(subscribe, () => jobOfNode(jobs, node));
}

export function useLiveJob(id: number): Job | undefined {
  return useSyncExternalStore(subscribe, () => jobs.get(id));
}

export function useConnection(): Connection {
  return useSyncExternalStore(subscribe, () => connection);
}

/** This browser's clock, renewed every `everyMs`: for ages, which grow without any message. */
export function useNow(everyMs = 1_000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** While the connection is lost nothing new can be known: ages for "stale" stand still at the last word. */
export function useKnownNow(everyMs = 1_000): number {
  const now = useNow(everyMs);
  const { lostAt } = useConnection();
  return useMemo(() => (lostAt === null ? now : Math.min(now, Math.max(heardAt, lostAt))), [now, lostAt]);
}
