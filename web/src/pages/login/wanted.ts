import type { ApiError } from '../../api/client';
import type { PasskeyQuestion } from '../../api/schema';
import type { FactorKind } from '../../ui/factor-form';

/** What is asked for beside a password that was right. */
export interface Wanted {
  username: string;
  password: string;
  factors: FactorKind[];
  /** What a passkey answers, where browsers have them. */
  passkey: PasskeyQuestion | null;
}

const KINDS: readonly string[] = ['totp', 'passkey', 'recovery'] satisfies FactorKind[];

const isKind = (one: unknown): one is FactorKind => typeof one === 'string' && KINDS.includes(one);

function questionOf(body: unknown): PasskeyQuestion | null {
  if (typeof body !== 'object' || body === null) return null;
  const { challenge, rp_id, timeout_ms, credentials } = body as Partial<PasskeyQuestion>;
  if (typeof challenge !== 'string' || typeof rp_id !== 'string') return null;
  return { challenge, rp_id, timeout_ms: Number(timeout_ms) || 60_000, credentials: credentials ?? [] };
}

/** None when it was refused for something else. */
export function wantedOf(error: ApiError, who: { username: string; password: string }): Wanted | null {
  if (error.kind !== 'factor_needed') return null;
  const { factors, passkey } = error.body;
  const has = Array.isArray(factors) ? factors.filter(isKind) : [];
  return { ...who, factors: has.length > 0 ? has : ['totp', 'recovery'], passkey: questionOf(passkey) };
}
