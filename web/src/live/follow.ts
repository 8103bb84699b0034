import { useEffect, useState, useSyncExternalStore } from 'react';
import { type ApiError, api, asApiError } from '../api/client';
import { OutputLog } from './output';
import { live } from './store';

/** Messages that wait for a hole before them to be filled; more of them are fetched instead. */
const WAITING_MAX = 64;
const RETRY_MS = 2_000;

/**
 * Follows the output of one job: what is there already over HTTP, what comes over /live, and over HTTP again
 * where the two do not meet. The log is the same object throughout; `version` tells that it grew.
 */
export class OutputFollower {
  readonly log = new OutputLog();
  version = 0;
  error: ApiError | null = null;
  /** Everything is here, and no more will come. */
  ended = false;
  private waiting: { from: number; text: string }[] = [];
  private request: AbortController | null = null;
  /** Asked for while a request was under way, which may not have seen the newest. */
  private again = false;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private stopLive: (() => void) | null = null;
  private readonly subscribers = new Set<() => void>();

  constructor(private readonly job: number) {}

  readonly subscribe = (notify: () => void): (() => void) => {
    this.subscribers.add(notify);
    return () => this.subscribers.delete(notify);
  };

  start(): void {
    this.stopLive = live.follow(this.job, {
      onOutput: (from, text) => this.take(from, text),
      onReconnect: () => this.fetch(),
    });
    this.fetch();
  }

  stop(): void {
    this.stopLive?.();
    this.stopLive = null;
    this.request?.abort();
    this.request = null;
    if (this.retry) clearTimeout(this.retry);
    this.retry = null;
  }

  /** Asks for what is missing: at the start, after a loss, and when the job has ended. */
  readonly fetch = (): void => {
    if (this.ended || !this.stopLive) return;
    if (this.request) {
      this.again = true;
      return;
    }
    this.again = false;
    if (this.retry) clearTimeout(this.retry);
    this.retry = null;
    const request = new AbortController();
    this.request = request;
    api.jobOutput(this.job, this.log.next, request.signal).then(
      (answer) => {
        if (this.request !== request) return;
        this.request = null;
        this.error = null;
        this.log.skipTo(answer.from);
        this.log.append(answer.from, answer.text);
        this.ended = answer.end;
        this.catchUp();
        this.publish();
        if (this.again || answer.text !== '') this.fetch();
      },
      (cause) => {
        if (this.request !== request) return;
        this.request = null;
        this.error = asApiError(cause);
        this.publish();
        this.retry = setTimeout(this.fetch, RETRY_MS);
      },
    );
  };

  private take(from: number, text: string): void {
    if (this.log.append(from, text)) {
      this.catchUp();
      this.publish();
      return;
    }
    if (this.waiting.length < WAITING_MAX) this.waiting.push({ from, text });
    this.fetch();
  }

  private catchUp(): void {
    this.waiting = this.waiting.filter(({ from, text }) => !this.log.append(from, text));
  }

  private publish(): void {
    this.version += 1;
    for (const notify of this.subscribers) notify();
  }
}

/** Follows while the component is shown. `active` turning false makes it fetch the end. */
export function useOutput(job: number, active: boolean): OutputFollower {
  const [follower] = useState(() => new OutputFollower(job));
  useEffect(() => {
    follower.start();
    return () => follower.stop();
  }, [follower]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: when the job has ended, its last words are asked for.
  useEffect(() => follower.fetch(), [active, follower]);
  useSyncExternalStore(follower.subscribe, () => follower.version);
  return follower;
}
