import type { LiveMessage } from '../api/types';
import { backoffMs } from './backoff';

export interface Connection {
  phase: 'idle' | 'connecting' | 'open' | 'waiting';
  /** When the next try starts, while waiting. */
  retryAt: number | null;
  /** When the connection was lost, until it is back. Null before the first connection too. */
  lostAt: number | null;
  reason: string | null;
}

export interface SocketEvents {
  onMessage(message: LiveMessage): void;
  onConnection(connection: Connection): void;
  /** The socket was refused or closed for want of a session: the caller finds out and acts. */
  onSessionDoubt(): void;
  /** True when samples are due, so that long silence means a dead link. */
  expectsTraffic(): boolean;
}

const CLOSE_SESSION_ENDED = 4401;
/** A link that says nothing for so long while nodes are online is dead, whatever TCP thinks. */
const SILENCE_MS_MAX = 30_000;
const HANDSHAKE_MS_MAX = 15_000;
const FOLLOWED_MAX = 8;

/** The one WebSocket to /live: connects, reconnects with backoff, and says how it stands. */
export class LiveSocket {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private watchdog: ReturnType<typeof setInterval> | null = null;
  private attempt = 0;
  private lastMessageAt = 0;
  private watched: readonly number[] = [];
  private followed: readonly number[] = [];
  private connection: Connection = { phase: 'idle', retryAt: null, lostAt: null, reason: null };

  constructor(
    private readonly url: () => string,
    private readonly events: SocketEvents,
  ) {}

  start(): void {
    if (this.connection.phase !== 'idle') return;
    window.addEventListener('online', this.retryNow);
    document.addEventListener('visibilitychange', this.onVisible);
    this.watchdog = setInterval(this.checkSilence, 5_000);
    this.connect();
  }

  stop(): void {
    window.removeEventListener('online', this.retryNow);
    document.removeEventListener('visibilitychange', this.onVisible);
    if (this.watchdog) clearInterval(this.watchdog);
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.attempt = 0;
    const socket = this.socket;
    this.socket = null;
    socket?.close(1000);
    this.say({ phase: 'idle', retryAt: null, lostAt: null, reason: null });
  }

  watch(nodes: readonly number[]): void {
    this.watched = nodes;
    this.sendWatch();
  }

  follow(jobs: readonly number[]): void {
    // The newest are what is being looked at; the server refuses more.
    this.followed = jobs.slice(-FOLLOWED_MAX);
    this.sendFollow();
  }

  readonly retryNow = (): void => {
    if (this.connection.phase !== 'waiting') return;
    if (this.timer) clearTimeout(this.timer);
    this.connect();
  };

  private readonly onVisible = (): void => {
    if (document.visibilityState === 'visible') this.retryNow();
  };

  private readonly checkSilence = (): void => {
    const silent = Date.now() - this.lastMessageAt;
    if (this.connection.phase === 'open' && this.events.expectsTraffic() && silent > SILENCE_MS_MAX) {
      this.lost(this.socket, 'nothing heard from the server');
    } else if (this.connection.phase === 'connecting' && silent > HANDSHAKE_MS_MAX) {
      this.lost(this.socket, 'no answer from the server');
    }
  };

  private say(connection: Connection): void {
    this.connection = connection;
    this.events.onConnection(connection);
  }

  private sendWatch(): void {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: 'watch', nodes: this.watched }));
    }
  }

  private sendFollow(): void {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify({ type: 'follow', jobs: this.followed }));
    }
  }

  private connect(): void {
    this.timer = null;
    this.lastMessageAt = Date.now();
    const socket = new WebSocket(this.url());
    this.socket = socket;
    let greeted = false;
    let reason: string | null = null;
    this.say({ ...this.connection, phase: 'connecting', retryAt: null });

    socket.onopen = () => {
      if (this.socket !== socket) return;
      if (this.watched.length > 0) this.sendWatch();
      if (this.followed.length > 0) this.sendFollow();
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket || typeof event.data !== 'string') return;
      let message: LiveMessage;
      try {
        message = JSON.parse(event.data) as LiveMessage;
      } catch {
        return;
      }
      this.lastMessageAt = Date.now();
      if (message.type === 'bye') reason = message.reason;
      if (message.type === 'snapshot') {
        greeted = true;
        this.attempt = 0;
        this.say({ phase: 'open', retryAt: null, lostAt: null, reason: null });
      }
      this.events.onMessage(message);
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      // A refused handshake looks like any failure to a browser: ask over HTTP whether the session lives.
      if (event.code === CLOSE_SESSION_ENDED || !greeted) this.events.onSessionDoubt();
      if (this.socket === socket) this.lost(socket, reason);
    };
  }

  private lost(socket: WebSocket | null, reason: string | null): void {
    this.socket = null;
    if (socket) {
      socket.onclose = null;
      socket.onmessage = null;
      socket.close();
    }
    const wait = backoffMs(this.attempt);
    this.attempt += 1;
    const now = Date.now();
    this.timer = setTimeout(() => this.connect(), wait);
    this.say({ phase: 'waiting', retryAt: now + wait, lostAt: this.connection.lostAt ?? now, reason });
  }
}
