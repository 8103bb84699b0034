import type { ShownStatus } from '../live/fleet';

const LOOK: Record<ShownStatus, { word: string; dot: string; text: string }> = {
  // What is fine stays in the background: the word is dim, only the dot has colour.
  online: { word: 'Online', dot: 'bg-ok', text: 'text-dim' },
  stale: { word: 'Stale', dot: 'bg-warn', text: 'text-warn' },
  offline: { word: 'Offline', dot: 'bg-bad', text: 'text-bad' },
  pending: { word: 'Pending', dot: 'bg-transparent ring-[1.5px] ring-inset ring-faint', text: 'text-dim' },
};

export function StatusDot({ status }: { status: ShownStatus }) {
  return <span aria-hidden className={`inline-block size-2 shrink-0 rounded-full ${LOOK[status].dot}`} />;
}

export function statusWord(status: ShownStatus): string {
  return LOOK[status].word;
}

export function statusText(status: ShownStatus): string {
  return LOOK[status].text;
}
