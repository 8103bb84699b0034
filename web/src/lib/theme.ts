import { useSyncExternalStore } from 'react';
import { flushSync } from 'react-dom';
import { readPref, writePref } from './prefs';

/** The theme sits on <html data-theme>; public/theme.js sets it before the first paint, this keeps it true. */
export type ThemeChoice = 'system' | 'dark' | 'light';

const light = matchMedia('(prefers-color-scheme: light)');
/** Paper is white, whatever the screen is: charts are drawn anew for it. */
const paper = matchMedia('print');
let printing = paper.matches;
const subscribers = new Set<() => void>();

function choice(): ThemeChoice {
  const stored = readPref('theme');
  return stored === 'dark' || stored === 'light' ? stored : 'system';
}

function apply(): void {
  const chosen = choice();
  const theme = printing ? 'light' : chosen === 'system' ? (light.matches ? 'light' : 'dark') : chosen;
  document.documentElement.dataset.theme = theme;
  const ink = getComputedStyle(document.documentElement).getPropertyValue('--ink').trim();
  if (ink) document.querySelector('meta[name="theme-color"]')?.setAttribute('content', ink);
  for (const notify of subscribers) notify();
}

export function setTheme(next: ThemeChoice): void {
  writePref('theme', next);
  apply();
}

function print(on: boolean): void {
  if (printing === on) return;
  printing = on;
  // What is drawn on canvas has to be there before the picture for the printer is taken.
  flushSync(apply);
}

export function startTheme(): void {
  light.addEventListener('change', apply);
  paper.addEventListener('change', (event) => print(event.matches));
  window.addEventListener('beforeprint', () => print(true));
  window.addEventListener('afterprint', () => print(false));
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
