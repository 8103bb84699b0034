import type { CheckReport } from '../../api/ssh';
import { Problem } from '../../ui/problem';
import { StepList } from '../../ui/steps';
import { changedKey, keyToConfirm, stepsOf } from './check-words';
import { ChangedKey, ConfirmKey } from './host-key';
import type { CheckState } from './use-check';

interface Props {
  check: CheckState;
  onConfirm(): void;
  onRetry(): void;
  /** The fingerprint that was pinned before. */
  before?: string | null;
  /** All is to be done as the login itself. */
  rootless?: boolean;
}

/** What a check found, and the question that it may end with. */
export function CheckView({ check, onConfirm, onRetry, before = null, rootless = false }: Props) {
  const { report, busy, error } = check;
  const question = report && keyToConfirm(report);
  const changed = report && changedKey(report);
  return (
    <div className="grid gap-4" data-testid="check" data-busy={busy} data-ok={report?.ok ?? false}>
      {error && <Problem error={error} onRetry={onRetry} />}
      {report && (
        <div className={`-mx-2 ${busy ? 'opacity-60' : ''}`}>
          <StepList steps={stepsOf(report, rootless)} />
        </div>
      )}
      {busy && (
        <p role="status" className="late flex items-center gap-2 text-sm text-dim">
          <span className="pulse size-2 rounded-full bg-s1" aria-hidden />
          Looking at the host… this may take a few seconds.
        </p>
      )}
      {question && <ConfirmKey question={question} busy={busy} onConfirm={onConfirm} />}
      {changed && <ChangedKey question={changed} before={before} />}
    </div>
  );
}

/** Far enough that a deployment may be tried, even though something speaks against it. */
export function loggedIn(report: CheckReport | null): boolean {
  return report?.steps.some((step) => step.name === 'login' && step.ok) ?? false;
}

/** Nothing speaks against it, or only that nobody becomes root, where that is not wanted. */
export function isReady(report: CheckReport, rootless: boolean): boolean {
  return report.ok || (rootless && report.steps.every((step) => step.ok || step.name === 'privilege'));
}

/** What no deployment over SSH gets past, whatever else is chosen: in words. */
export function hopeless(report: CheckReport): string | null {
  const stuck = report.steps.find(
    (step) =>
      !step.ok && step.cause === 'unsupported' && (step.name === 'init' || step.name === 'architecture'),
  );
  if (!stuck) return null;
  return stuck.name === 'init'
    ? 'A deployment over SSH can’t end well here: its init system is not spoken. You can start the Spider yourself, by hand.'
    : 'A deployment over SSH can’t end well here: there is no Spider here that runs on it (see above).';
}

/** Logged in, but not as root, and no way to become it. */
export function withoutRoot(report: CheckReport): boolean {
  return hopeless(report) === null && report.steps.some((step) => step.name === 'privilege' && !step.ok);
}
