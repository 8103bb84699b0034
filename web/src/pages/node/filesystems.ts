import type { Cell } from '../../api/types';
import { type Frame, tracksByLabel } from './frame';

/** What one mounted filesystem holds at the end of a window. */
export interface FilesystemRow {
  mount: string;
  type: string | null;
  /** It takes no writes. */
  readonly: boolean;
  totalBytes: number;
  usedBytes: number;
  /** What an ordinary user may still write. */
  freeBytes: number;
  /** As `df` counts: of what an ordinary user may fill. */
  usedPercent: number | null;
  /** Inodes; null where the filesystem has no fixed number of them. */
  inodes: { total: number; used: number; free: number; percent: number } | null;
}

function newest(cells: readonly Cell[] | undefined): number | null {
  return cells?.findLast((cell) => cell !== null) ?? null;
}

/** As `df` counts: what root alone may use is neither used nor free. */
export function usedPercent(used: number, free: number): number | null {
  return used + free > 0 ? (used / (used + free)) * 100 : null;
}

export function filesystemsOf(frame: Frame): FilesystemRow[] {
  const by = (name: string) =>
    new Map(tracksByLabel(frame, name, 'mount').map(({ item, track }) => [item, track]));
  const free = by('fs.free_bytes');
  const available = by('fs.available_bytes');
  const inodes = by('fs.files');
  const inodesFree = by('fs.files_free');
  const readonly = by('fs.readonly');
  return tracksByLabel(frame, 'fs.total_bytes', 'mount').flatMap(({ item, track }): FilesystemRow[] => {
    const totalBytes = newest(track.avg);
    const left = newest(free.get(item)?.avg) ?? newest(available.get(item)?.avg);
    if (totalBytes === null || left === null) return [];
    const usedBytes = Math.max(0, totalBytes - left);
    const freeBytes = newest(available.get(item)?.avg) ?? left;
    const total = newest(inodes.get(item)?.avg);
    const rest = newest(inodesFree.get(item)?.avg);
    const used = total === null || rest === null ? null : Math.max(0, total - rest);
    return [
      {
        mount: item,
        type: track.labels.type ?? track.labels.fstype ?? null,
        readonly: (newest(readonly.get(item)?.avg) ?? 0) >= 0.5,
        totalBytes,
        usedBytes,
        freeBytes,
        usedPercent: usedPercent(usedBytes, freeBytes),
        inodes: total && used !== null ? { total, used, free: rest!, percent: (used / total) * 100 } : null,
      },
    ];
  });
}
