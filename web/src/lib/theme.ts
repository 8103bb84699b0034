import { useSyncExternalStore } from 'react';
import { readPref, writePref } from './prefs';

/** The theme sits on <html data-theme>; public/theme.js sets it before the first paint, this keeps it true. */
export type ThemeChoice = 'system' | 'dark' | 'light';

const light = matchMedia('(prefers-color-scheme: light)');
const subscribers = new Set<() => void>();

function choice(): ThemeChoice {
  const stored = readPref('theme');
  return stored === 'dark' || stored === 'light' ? stored : 'system';
}

function apply(): void {
  const chosen = choice();
  const theme = chosen === 'system' ? (light.matches ? 'light' : 'dark') : chosen;
  document.documentElement.dataset.theme = theme;
  const ink = getComputedStyle(document.documentElement).getPropertyValue('--ink').trim();
  if (ink) document.querySelector('meta[name="theme-color"]')?.setAttribute('content', ink);
  for (const notify of subscribers) notify();
}

export function setTheme(next: ThemeChoice): void {
  writePref('theme', next);
  apply();
}

export function startTheme(): void {
  light.addEventListener('change', apply);
  apply();
}

function subscribe(notify: () => void): () => void {
  subscribers.add(notify);
  return () => subscribers.delete(notify);
}

export function useThemeChoice(): ThemeChoice {
  return useSyncExternalStore(subscribe, choice);
}

/** The theme in effect. */
export function useTheme(): 'dark' | 'light' {
  return useSyncExternalStore(subscribe, () =>
    document.documentElement.dataset.theme === 'light' ? 'light' : 'dark',
  );
}
