import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Connection, LiveSocket } from './socket';

/** A WebSocket that does what the test says. */
class Fake {
  static readonly OPEN = 1;
  static all: Fake[] = [];
  readyState = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason?: string }) => void) | null = null;
  constructor() {
    Fake.all.push(this);
  }
  close(): void {}
  send(): void {}
  refuse(): void {
    this.onclose?.({ code: 1006 });
  }
  open(): void {
    this.readyState = Fake.OPEN;
    this.onopen?.();
    this.onmessage?.({
      data: JSON.stringify({ type: 'snapshot', time_ms: 0, version: '', nodes: [] }),
    });
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  Fake.all = [];
  vi.stubGlobal('WebSocket', Fake);
  vi.stubGlobal('window', { addEventListener() {}, removeEventListener() {} });
  vi.stubGlobal('document', { addEventListener() {}, removeEventListener() {} });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function begun(answers: boolean) {
  let last: Connection | null = null;
  const told: string[] = [];
  const socket = new LiveSocket(() => 'ws://test/live', {
    onMessage() {},
    onConnection: (connection) => {
      last = connection;
    },
    onSessionDoubt: (said) => {
      told.push(`doubt: ${said}`);
      return Promise.resolve(answers);
    },
    onAccessChanged: () => told.push('access'),
    expectsTraffic: () => false,
  });
  socket.start();
  const refused = async () => {
    Fake.all.at(-1)!.refuse();
    await vi.advanceTimersByTimeAsync(0);
    const seen = last!.blocked;
    const before = Fake.all.length;
    while (Fake.all.length === before) await vi.advanceTimersByTimeAsync(250);
    return seen;
  };
  return { socket, refused, told, last: () => last! };
}

it('says that WebSockets are stopped when the server answers and none ever opens', async () => {
  const { socket, refused, last } = begun(true);
  // Once may be chance.
  expect(await refused()).toBe(false);
  expect(await refused()).toBe(true);
  expect(last().phase).not.toBe('open');
  Fake.all.at(-1)!.open();
  expect(last()).toMatchObject({ phase: 'open', blocked: false });
  // Lost again: that is another matter.
  expect(await refused()).toBe(false);
  socket.stop();
});

it('says nothing of the kind while the server does not answer at all', async () => {
  const { socket, refused } = begun(false);
  for (let round = 0; round < 4; round += 1) expect(await refused()).toBe(false);
  socket.stop();
});

it('tells why the session ended, in the words of the server', () => {
  const { socket, told } = begun(true);
  Fake.all.at(-1)!.open();
  Fake.all.at(-1)!.onclose?.({ code: 4401, reason: 'the session has expired' });
  expect(told).toEqual(['doubt: the session has expired']);
  socket.stop();
});

it('tells when what may be seen has changed, and is ready to begin anew at once', () => {
  const { socket, told, last } = begun(true);
  Fake.all.at(-1)!.open();
  Fake.all.at(-1)!.onclose?.({ code: 1012, reason: 'what you may see has changed' });
  expect(told).toEqual(['access']);
  // Nothing is said to be lost, unless it does not come back.
  expect(last()).toMatchObject({ phase: 'waiting', lostAt: null });
  socket.retryNow();
  expect(last().phase).toBe('connecting');
  Fake.all.at(-1)!.refuse();
  expect(last().lostAt).not.toBe(null);
  socket.stop();
});
