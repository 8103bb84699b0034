import { useSyncExternalStore } from 'react';
import { live } from '../live/store';
import { ApiError, api, asApiError, setCsrf, setSessionListener } from './client';
import type { Session } from './types';

export type SessionState =
  | { phase: 'checking' }
  | { phase: 'failed'; error: ApiError }
  | { phase: 'out' }
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
    if (state.phase !== 'out') set({ phase: 'out' });
  } else if (state.phase === 'in' && !state.session.must_change_password) {
    set({ phase: 'in', session: { ...state.session, must_change_password: true } });
  }
});

export async function checkSession(): Promise<void> {
  if (state.phase !== 'checking') set({ phase: 'checking' });
  try {
    set({ phase: 'in', session: await api.session() });
  } catch (cause) {
    if (cause instanceof ApiError && cause.status === 401) set({ phase: 'out' });
    else set({ phase: 'failed', error: asApiError(cause) });
  }
}

export async function login(user: string, password: string): Promise<void> {
  set({ phase: 'in', session: await api.login(user, password) });
}

export async function logout(): Promise<void> {
  await api.logout();
  set({ phase: 'out' });
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
