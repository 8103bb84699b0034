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

export interface HistoryStatus {
  bytes: { file: number; log: number; total: number; free: number; budget: number | null };
  tiers: HistoryTier[];
  fresh: { rows: number; bytes: number };
  writer: { state: 'ok' | 'failing'; reason: string | null; since: number | null };
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
