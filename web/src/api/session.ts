import { useSyncExternalStore } from 'react';
import { sameAs } from '../lib/access';
import { readPref, writePref } from '../lib/prefs';
import { live } from '../live/store';
import { ApiError, api, asApiError, setCsrf, setSessionListener } from './client';
import { answerProof } from './proof';
import type { Login } from './schema';
import type { Session } from './types';

/** Remembered on this device: no secret, only whether somebody was signed in here. */
const WAS_IN = 'signed-in';
function wasIn(): boolean {
  return readPref(WAS_IN) === 'yes';
}
/** Nobody ever was. */
export function isFirstVisit(): boolean {
  return readPref(WAS_IN) === null;
}

export type SessionState =
  | { phase: 'checking' }
  | { phase: 'failed'; error: ApiError }
  | {
      phase: 'out';
      /** Somebody was signed in here, and did not sign out. */
      ended: boolean;
      /** Why, in the server's words, where it was told while the page was open. */
      said: string | null;
    }
  | {
      phase: 'in';
      session: Session;
      /** What may be seen and done here was changed by somebody while the page was open. */
      changed?: boolean;
    };

let state: SessionState = { phase: 'checking' };
const subscribers = new Set<() => void>();

function set(next: SessionState): void {
  state = next;
  setCsrf(next.phase === 'in' ? next.session.csrf : '');
  const whole = next.phase === 'in' && !next.session.must_change_password && !next.session.must_enrol;
  // What waits for a proof waits in vain where nobody is signed in.
  if (next.phase !== 'in') answerProof(false);
  if (whole) live.start();
  else live.stop();
  for (const notify of subscribers) notify();
}

/** Told by the live connection, a moment before the API says the same without a reason. */
let said: string | null = null;

setSessionListener((kind) => {
  if (kind === 'unauthenticated') {
    if (state.phase !== 'out') set({ phase: 'out', ended: state.phase === 'in' || wasIn(), said });
    said = null;
  } else if (state.phase === 'in') {
    const { session } = state;
    if (kind === 'factor_required') set({ phase: 'in', session: { ...session, must_enrol: true } });
    else set({ phase: 'in', session: { ...session, must_change_password: true } });
  }
});

/** Asks what this session is now. True: it is good. */
async function renew(): Promise<boolean> {
  try {
    const session = await api.session();
    if (state.phase !== 'in') return true;
    const changed = sameAs(session) !== sameAs(state.session);
    // Nothing of what may not be seen any more stays on the page.
    if (changed) live.stop();
    set({ phase: 'in', session, changed: changed || state.changed });
    return true;
  } catch {
    // A 401 has reached the listener above; other failures mean: keep trying.
    return false;
  }
}

live.isKeptBy({
  async onDoubt(reason) {
    said = reason;
    const good = await renew();
    if (good) said = null;
    return good;
  },
  onAccessChanged: () => void renew().then((good) => good && live.retryNow()),
});

/** A second factor was set up where one was missing: everything else answers from here on. */
export function enrolled(): void {
  if (state.phase === 'in') set({ phase: 'in', session: { ...state.session, must_enrol: false } });
}

/** The word that something was changed was read. */
export function putChangeAway(): void {
  if (state.phase === 'in') set({ phase: 'in', session: state.session });
}

export async function checkSession(): Promise<void> {
  if (state.phase !== 'checking') set({ phase: 'checking' });
  try {
    set({ phase: 'in', session: await api.session() });
  } catch (cause) {
    if (cause instanceof ApiError && cause.status === 401) set({ phase: 'out', ended: wasIn(), said: null });
    else set({ phase: 'failed', error: asApiError(cause) });
  }
}

export async function login(by: Login): Promise<void> {
  const session = await api.login(by);
  writePref(WAS_IN, 'yes');
  set({ phase: 'in', session });
}

export async function logout(): Promise<void> {
  await api.logout();
  writePref(WAS_IN, 'no');
  set({ phase: 'out', ended: false, said: null });
}

export async function changePassword(current: string, next: string): Promise<void> {
  const session = await api.changePassword(current, next);
  // Every other session ended with the old password: the socket opens anew with the new cookie.
  live.stop();
  set({ phase: 'in', session });
}

export function useSession(): SessionState {
  return useSyncExternalStore(
    (notify) => {
      subscribers.add(notify);
      return () => subscribers.delete(notify);
    },
    () => state,
  );
}
