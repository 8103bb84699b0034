import type { JobStep } from '../../api/job';
import type { CheckReport } from '../../api/ssh';

const TITLES: Record<string, string> = {
  credentials: 'Read the credentials',
  reach: 'Reach the host',
  host_key: 'Compare the host key',
  login: 'Log in',
  commands: 'Run a command',
  privilege: 'Become root',
  system: 'Look at the system',
  architecture: 'A Spider for its architecture',
  init: 'Its init system',
  space: 'Free space',
  linger: 'Services that go on after logout',
  server: 'From there to Ground Control',
};

/** The name of a step of a check in words. */
export function stepTitle(name: string): string {
  const jump = name.startsWith('jump_');
  const title = TITLES[jump ? name.slice(5) : name] ?? name;
  return jump ? `${title} (jump host)` : title;
}

/**
 * A check's steps as a job's. A key that waits for its confirmation is a question, not a failure; and where
 * nobody wants to become root, that nobody can is none either.
 */
export function stepsOf(report: CheckReport, rootless = false): JobStep[] {
  const asked = keyToConfirm(report);
  return report.steps.map((step) => {
    const unwanted = rootless && step.name === 'privilege' && !step.ok;
    const asks =
      !step.ok && asked !== null && step.name === (asked.who === 'jump' ? 'jump_host_key' : 'host_key');
    return {
      name: step.name,
      title: stepTitle(step.name),
      state: step.ok ? 'done' : asks ? 'waiting' : unwanted ? 'skipped' : 'failed',
      ms: step.ms,
      detail: asks ? '' : unwanted ? 'Not wanted: all of it is done as the user that logs in.' : step.detail,
      hint: asks || unwanted ? '' : step.hint,
      cause: unwanted ? null : step.cause,
    };
  });
}

export interface KeyQuestion {
  who: 'node' | 'jump';
  type: string;
  sha256: string;
}

/** The host key that has to be confirmed before anything more can be tried. */
export function keyToConfirm(report: CheckReport): KeyQuestion | null {
  const { jump_host_key: jump, host_key: node } = report;
  if (jump?.state === 'new') return { who: 'jump', type: jump.type, sha256: jump.sha256 };
  if (node?.state === 'new') return { who: 'node', type: node.type, sha256: node.sha256 };
  return null;
}

/** A key that is not the one which was confirmed. */
export function changedKey(report: CheckReport): KeyQuestion | null {
  const { jump_host_key: jump, host_key: node } = report;
  if (jump?.state === 'changed') return { who: 'jump', type: jump.type, sha256: jump.sha256 };
  if (node?.state === 'changed') return { who: 'node', type: node.type, sha256: node.sha256 };
  return null;
}

/** `ssh-ed25519` is in the file that is named by `ed25519`. */
export function keyFile(type: string): string {
  const kind = type.startsWith('ecdsa') ? 'ecdsa' : type.replace(/^ssh-/, '').replace(/^rsa.*/, 'rsa');
  return `/etc/ssh/ssh_host_${/^[a-z0-9]+$/.test(kind) ? kind : 'ed25519'}_key.pub`;
}
