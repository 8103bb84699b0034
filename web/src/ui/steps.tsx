import ChevronRight from 'lucide-react/icons/chevron-right';
import { type ReactNode, useState } from 'react';
import type { JobStep } from '../api/job';
import { forPeople } from '../lib/for-people';
import { displayName } from '../lib/names';
import { duration } from '../lib/units';
import { useNow } from '../live/store';
import { StateIcon } from './job-state';

interface Props {
  steps: readonly JobStep[];
  /** Server clock minus ours. */
  skewMs?: number;
  /** What a step has printed, shown when it is opened. */
  output?(step: JobStep): ReactNode;
  /** Leaves out what is said of steps that went well. */
  compact?: boolean;
  /** Instead of opening a step: go to its place. */
  onPick?(step: JobStep): void;
  /** What is said elsewhere already, and not once more at the step. */
  said?: string;
  /** Where there is little room, steps that went well are one line. */
  folds?: boolean;
}

function hasOutput(step: JobStep): boolean {
  return (step.to ?? 0) > (step.from ?? 0);
}

/** Steps one under the other: how each stands, how long it took, and why it failed. */
export function StepList({ steps, skewMs = 0, output, compact = false, onPick, said, folds = false }: Props) {
  const [unfolded, setUnfolded] = useState(false);
  const calm = (step: JobStep) => step.state === 'done' || step.state === 'skipped';
  const finished = steps.filter(calm).length;
  const fold = folds && finished > 1;
  return (
    <ol className="grid">
      {fold && (
        <li className="lg:hidden">
          <button
            type="button"
            aria-expanded={unfolded}
            data-testid="fold-steps"
            onClick={() => setUnfolded(!unfolded)}
            className="flex w-full items-center gap-2.5 rounded-md px-2 py-1 text-left text-sm text-dim hover:bg-hover"
          >
            <StateIcon state="done" size={15} />
            <span className="flex-1">{finished} steps done</span>
            <ChevronRight
              size={14}
              aria-hidden
              className={`text-faint transition-transform ${unfolded ? 'rotate-90' : ''}`}
            />
          </button>
        </li>
      )}
      {steps.map((step, index) => (
        <Step
          // biome-ignore lint/suspicious/noArrayIndexKey: steps are only ever added at the end, and a name may come twice.
          key={`${index}/${step.name}`}
          step={step}
          skewMs={skewMs}
          output={output}
          compact={compact}
          onPick={onPick}
          said={said}
          folded={fold && !unfolded && calm(step)}
        />
      ))}
    </ol>
  );
}

function Step({
  step,
  skewMs,
  output,
  compact,
  onPick,
  said,
  folded,
}: Omit<Props, 'steps' | 'folds'> & { step: JobStep; skewMs: number; folded: boolean }) {
  const [opened, setOpened] = useState<boolean | null>(null);
  const quiet = step.state === 'waiting' || step.state === 'skipped';
  const printed = hasOutput(step);
  const once = said !== undefined && step.detail === said;
  const detail = once ? '' : step.detail;
  const hint = once ? '' : forPeople(step.hint);
  const open = output !== undefined && printed && (opened ?? step.state === 'failed');
  const head = (
    <>
      <StateIcon state={step.state} size={15} />
      <span className={`min-w-0 flex-1 wrap-anywhere ${quiet ? 'text-faint' : ''}`}>
        {displayName(step.title, 120)}
      </span>
      {printed && output && (
        <ChevronRight
          size={14}
          aria-hidden
          className={`mt-[3px] shrink-0 text-faint transition-transform ${open ? 'rotate-90' : ''}`}
        />
      )}
      <Took step={step} skewMs={skewMs} />
    </>
  );
  const row =
    'flex w-full items-start gap-2.5 rounded-md px-2 py-1 text-left text-sm [&>span:first-child]:mt-0.5';
  return (
    <li data-step={step.name} data-state={step.state} className={folded ? 'max-lg:hidden' : undefined}>
      {printed && (output || onPick) ? (
        <button
          type="button"
          aria-expanded={output ? open : undefined}
          onClick={() => (output ? setOpened(!open) : onPick?.(step))}
          className={`${row} hover:bg-hover`}
        >
          {head}
        </button>
      ) : (
        <div className={row}>{head}</div>
      )}
      {(detail || hint) && !(compact && step.state === 'done' && !open) && (
        // Phones have no room for what went well.
        <div
          className={`mb-1 ml-8.5 grid gap-0.5 pr-2 text-xs ${step.state === 'done' ? 'max-sm:hidden' : ''}`}
        >
          {detail && (
            <p className={`wrap-anywhere ${step.state === 'failed' ? 'text-bad' : 'text-faint'}`}>
              {displayName(detail, 600)}
            </p>
          )}
          {hint && <p className="text-dim wrap-anywhere">{displayName(hint, 600)}</p>}
        </div>
      )}
      {open && <div className="mb-2 ml-8.5">{output?.(step)}</div>}
    </li>
  );
}

function Took({ step, skewMs }: { step: JobStep; skewMs: number }) {
  if (step.state === 'running' && step.started_ms != null) {
    return <Growing since={step.started_ms} skewMs={skewMs} />;
  }
  if (!step.ms || step.state === 'waiting' || step.state === 'skipped') return null;
  return <span className="shrink-0 text-xs leading-5 text-faint">{duration(step.ms)}</span>;
}

function Growing({ since, skewMs }: { since: number; skewMs: number }) {
  const now = useNow(500);
  return (
    <span className="shrink-0 text-xs leading-5 text-dim">
      {duration(Math.max(1_000, now + skewMs - since))}
    </span>
  );
}
