import type { Cell } from '../../api/types';
import { type Frame, tracksByLabel } from './frame';

/** What one network interface is, at the end of a window. */
export interface InterfaceRow {
  iface: string;
  /** `physical`, `bond`, `bridge`, `vlan`, `port`, `tunnel`, `virtual`, or of a later Spider. */
  kind: string | null;
  /** Null: it has no such state. */
  up: boolean | null;
  /** What it was told to run at, in bits a second; null: nobody knows. */
  speedBits: number | null;
}

const KINDS = ['physical', 'bond', 'bridge', 'vlan', 'port', 'tunnel', 'virtual'];

function newest(cells: readonly Cell[] | undefined): number | null {
  return cells?.findLast((cell) => cell !== null) ?? null;
}

/** Those that there are, hardware first: what most of the others carry has come through it. */
export function interfacesOf(frame: Frame): InterfaceRow[] {
  const by = (name: string) =>
    new Map(tracksByLabel(frame, name, 'iface').map(({ item, track }) => [item, newest(track.avg)]));
  const ups = by('net.up');
  const speeds = by('net.speed_mbit');
  const kinds = new Map<string, string | null>();
  for (const { item, track } of tracksByLabel(frame, 'net.kind', 'iface')) {
    // One that was made anew may be of two kinds within a window: the last one counts.
    const isNow = track.avg.at(-1) != null || !kinds.has(item);
    if (isNow && newest(track.avg) !== null) kinds.set(item, track.labels.kind ?? null);
  }
  const rows = [...new Set([...kinds.keys(), ...ups.keys(), ...speeds.keys()])].map((iface): InterfaceRow => {
    const [up, mbit] = [ups.get(iface) ?? null, speeds.get(iface) ?? null];
    return {
      iface,
      kind: kinds.get(iface) ?? null,
      up: up === null ? null : up >= 0.5,
      speedBits: mbit === null || mbit <= 0 ? null : mbit * 1_000_000,
    };
  });
  const rank = (row: InterfaceRow) => {
    const at = KINDS.indexOf(row.kind ?? '');
    return at < 0 ? KINDS.length : at;
  };
  // In natural order already, among themselves.
  return rows.sort((a, b) => rank(a) - rank(b));
}
