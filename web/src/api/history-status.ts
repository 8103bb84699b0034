/** What history takes and holds, as GET /api/history/status tells it. */

export interface HistoryTier {
  name: 'raw' | 'minute' | 'hour';
  step_ms: number;
  blocks: number;
  rows: number;
  bytes: number;
  from: number | null;
  to: number | null;
  days_held: number;
  keep_days: number;
  /** Null: no budget, or too little is known yet. */
  days_fit: number | null;
}

export interface HistoryWriter {
  state: 'ok' | 'failing';
  reason: string | null;
  since: number | null;
}

/** By which time samples are too old. */
export interface HistoryClock {
  /** Waiting: in doubt since the start, until the fleet is there. */
  state: 'ok' | 'waiting' | 'doubted';
  /** What the clock of the server's machine says. */
  wall: number;
  agreed: number;
  since: number | null;
  /** How far `wall` is ahead of `agreed`. */
  jump_ms: number;
  why: string | null;
}

/** What every page wants to know, as GET /api/history/health tells it. */
export interface HistoryHealth {
  writer: HistoryWriter;
  clock: HistoryClock;
}

export interface HistoryStatus {
  bytes: { file: number; log: number; total: number; free: number; budget: number | null };
  tiers: HistoryTier[];
  fresh: { rows: number; bytes: number };
  writer: HistoryWriter;
  clock: HistoryClock;
  damaged: {
    node: number;
    tier: string;
    from: number;
    to: number;
    rows: number;
    why: string;
    found: number;
  }[];
}
