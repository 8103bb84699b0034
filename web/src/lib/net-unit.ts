import { useSyncExternalStore } from 'react';
import { readPref, writePref } from './prefs';
import { bitsPerSecond, bytesPerSecond } from './units';

/** One choice for every figure of a network, on every page, remembered on this device. */
export type NetUnit = 'bytes' | 'bits';

const subscribers = new Set<() => void>();

export function netUnit(): NetUnit {
  return readPref('net-unit') === 'bits' ? 'bits' : 'bytes';
}

export function setNetUnit(unit: NetUnit): void {
  if (unit === netUnit()) return;
  writePref('net-unit', unit);
  for (const notify of subscribers) notify();
}

export function useNetUnit(): NetUnit {
  return useSyncExternalStore((notify) => {
    subscribers.add(notify);
    return () => subscribers.delete(notify);
  }, netUnit);
}

/** Takes bytes per second, as all of Stardust counts. */
export function netRate(value: number | null | undefined, unit: NetUnit): string {
  return unit === 'bits' ? bitsPerSecond(value) : bytesPerSecond(value);
}
