import Ban from 'lucide-react/icons/ban';
import Check from 'lucide-react/icons/check';
import CircleDashed from 'lucide-react/icons/circle-dashed';
import LoaderCircle from 'lucide-react/icons/loader-circle';
import Minus from 'lucide-react/icons/minus';
import Unplug from 'lucide-react/icons/unplug';
import X from 'lucide-react/icons/x';
import type { JobState, StepState } from '../api/job';

type Any = JobState | StepState;

const LOOK: Record<Any, { icon: typeof Check; word: string; tone: string }> = {
  queued: { icon: CircleDashed, word: 'Queued', tone: 'text-faint' },
  waiting: { icon: CircleDashed, word: 'Waiting', tone: 'text-faint' },
  running: { icon: LoaderCircle, word: 'Running', tone: 'text-s1' },
  succeeded: { icon: Check, word: 'Done', tone: 'text-ok' },
  done: { icon: Check, word: 'Done', tone: 'text-ok' },
  failed: { icon: X, word: 'Failed', tone: 'text-bad' },
  cancelled: { icon: Ban, word: 'Cancelled', tone: 'text-warn' },
  lost: { icon: Unplug, word: 'Lost', tone: 'text-warn' },
  skipped: { icon: Minus, word: 'Skipped', tone: 'text-faint' },
};

export function stateWord(state: Any): string {
  return LOOK[state]?.word ?? state;
}

export function stateTone(state: Any): string {
  return LOOK[state]?.tone ?? '';
}

/** The state as a sign; its word is for screen readers and the tooltip. */
export function StateIcon({ state, size = 16 }: { state: Any; size?: number }) {
  const look = LOOK[state] ?? LOOK.waiting;
  const Icon = look.icon;
  return (
    <span className={`inline-flex shrink-0 ${look.tone}`} title={look.word}>
      <Icon
        size={size}
        strokeWidth={2.25}
        aria-hidden
        className={state === 'running' ? 'animate-spin' : undefined}
      />
      <span className="sr-only">{look.word}: </span>
    </span>
  );
}
