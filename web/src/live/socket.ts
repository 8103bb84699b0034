import type { LiveMessage } from '../api/types';
import { backoffMs } from './backoff';

export interface Connection {
  phase: 'idle' | 'connecting' | 'open' | 'waiting';
  /** When the next try starts, while waiting. */
  retryAt: number | null;
  /** When the connection was lost, until it is back. Null before the first connection too. */
  lostAt: number | null;
  reason: string | null;
  /** The server answers, and still no WebSocket has come through: something between takes it away. */
  blocked: boolean;
}

export interface SocketEvents {
  onMessage(message: LiveMessage): void;
  onConnection(connection: Connection): void;
  /**
   * The socket was refused or closed for want of a session: the caller finds out and acts. True: the server
   * answers over HTTP, and the session is good. `said`: why it ended, where the server has said so.
   */
  onSessionDoubt(said: string | null): Promise<boolean>;
  /** What may be seen here is not what it was: the caller finds out, and begins anew. */
  onAccessChanged(): void;
  /** True when samples are due, so that long silence means a dead link. */
  expectsTraffic(): boolean;
}

const CLOSE_SESSION_ENDED = 4401;
const CLOSE_FRESH_SESSION = 1012;
/** A link that says nothing for so long while nodes are online is dead, whatever TCP thinks. */
const SILENCE_MS_MAX = 30_000;
const HANDSHAKE_MS_MAX = 15_000;
const FOLLOWED_MAX = 8;
/** One refusal may be a server that is just starting. */
const REFUSALS_UNTIL_BLOCKED = 2;
export const IDLE: Connection = {
  phase: 'idle',
  retryAt: null,
  lostAt: null,
  reason: null,
  blocked: false,
};

/** The one WebSocket to /live: connects, reconnects with backoff, and says how it stands. */
export class LiveSocket {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private watchdog: ReturnType<typeof setInterval> | null = null;
  private attempt = 0;
  private lastMessageAt = 0;
  private watched: readonly number[] = [];
  private followed: readonly number[] = [];
  /** Handshakes in a row that never became a socket. */
  private refusals = 0;
  private connection: Connection = IDLE;

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
    this.refusals = 0;
    this.say(IDLE);
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
      const socket = this.socket;
      this.lost(socket, 'no answer from the server');
      this.onRefused();
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

    let opened = false;
    socket.onopen = () => {
      if (this.socket !== socket) return;
      opened = true;
      this.refusals = 0;
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
        this.say({ ...IDLE, phase: 'open' });
      }
      this.events.onMessage(message);
    };
    socket.onclose = (event) => {
      if (this.socket !== socket) return;
      // A refused handshake looks like any failure to a browser: ask over HTTP whether the session lives.
      if (!opened) this.onRefused();
      else if (event.code === CLOSE_SESSION_ENDED) {
        void this.events.onSessionDoubt(event.reason || reason || 'the session has ended');
      } else if (event.code !== CLOSE_FRESH_SESSION && !greeted) void this.events.onSessionDoubt(null);
      const fresh = event.code === CLOSE_FRESH_SESSION;
      if (this.socket === socket) this.lost(socket, reason, fresh);
      if (fresh) this.events.onAccessChanged();
    };
  }

  private onRefused(): void {
    this.refusals += 1;
    void this.events.onSessionDoubt(null).then((answers) => {
      if (!answers || this.refusals < REFUSALS_UNTIL_BLOCKED || this.connection.phase === 'open') return;
      if (this.connection.phase !== 'idle') this.say({ ...this.connection, blocked: true });
    });
  }

  /** `expected`: it is back in a moment, which needs no telling. */
  private lost(socket: WebSocket | null, reason: string | null, expected = false): void {
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
    this.say({
      ...this.connection,
      phase: 'waiting',
      retryAt: now + wait,
      lostAt: this.connection.lostAt ?? (expected ? null : now),
      reason,
    });
  }
}
