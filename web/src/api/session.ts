import { useSyncExternalStore } from 'react';
import { readPref, writePref } from '../lib/prefs';
import { live } from '../live/store';
import { ApiError, api, asApiError, setCsrf, setSessionListener } from './client';
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
    }
  | { phase: 'in'; session: Session };

let state: SessionState = { phase: 'checking' };
const subscribers = new Set<() => void>();

function set(next: SessionState): void {
  state = next;
  setCsrf(next.phase === 'in' ? next.session.csrf : '');
  if (next.phase === 'in' && !next.session.must_change_password) live.start();
  else live.stop();
  for (const notify of subscribers) notify();
}

setSessionListener((kind) => {
  if (kind === 'unauthenticated') {
    if (state.phase !== 'out') set({ phase: 'out', ended: state.phase === 'in' || wasIn() });
  } else if (state.phase === 'in' && !state.session.must_change_password) {
    set({ phase: 'in', session: { ...state.session, must_change_password: true } });
  }
});

export async function checkSession(): Promise<void> {
  if (state.phase !== 'checking') set({ phase: 'checking' });
  try {
    set({ phase: 'in', session: await api.session() });
  } catch (cause) {
    if (cause instanceof ApiError && cause.status === 401) set({ phase: 'out', ended: wasIn() });
    else set({ phase: 'failed', error: asApiError(cause) });
  }
}

export async function login(user: string, password: string): Promise<void> {
  const session = await api.login(user, password);
  writePref(WAS_IN, 'yes');
  set({ phase: 'in', session });
}

export async function logout(): Promise<void> {
  await api.logout();
  writePref(WAS_IN, 'no');
  set({ phase: 'out', ended: false });
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
