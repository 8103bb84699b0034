import type { Job } from '../../api/job';
import type { CheckReport, DeployRequest, ImportHost, SshLogin } from '../../api/ssh';
import { displayName } from '../../lib/series-key';
import { changedKey, type KeyQuestion, keyToConfirm, stepTitle } from './check-words';
import { type Confirmed, EMPTY_LOGIN, loginOf, takeApart } from './draft';
import type { SecretsDraft } from './secrets';

/** One host of a list on its way into the fleet. */
export interface ImportRow {
  host: ImportHost;
  state: 'idle' | 'checking' | 'asks' | 'ready' | 'failed' | 'starting' | 'started';
  confirmed: Confirmed;
  question: KeyQuestion | null;
  /** Why it did not work, or what it is. */
  words: string;
  hint: string;
  job: Job | null;
}

export function rowsOf(hosts: readonly ImportHost[]): ImportRow[] {
  return hosts.map((host) => ({
    host,
    state: host.error ? 'failed' : 'idle',
    confirmed: {},
    question: null,
    words: host.error ?? '',
    hint: '',
    job: null,
  }));
}

/** How this host is reached, with the credentials that are good for all. */
export function loginFor(row: ImportRow, user: string, secrets: SecretsDraft): SshLogin {
  const { host } = row;
  const jump = host.jump ? (takeApart(host.jump) ?? { host: host.jump }) : null;
  return loginOf(
    {
      host: host.host,
      port: String(host.port),
      user: host.user ?? user,
      auth: secrets.auth,
      sudo: secrets.sudo,
      pin: '',
      jump: jump
        ? {
            ...EMPTY_LOGIN.jump,
            on: true,
            host: jump.host,
            port: jump.port ?? '22',
            user: jump.user ?? host.user ?? user,
          }
        : EMPTY_LOGIN.jump,
    },
    row.confirmed,
  );
}

export function requestFor(row: ImportRow, user: string, secrets: SecretsDraft): DeployRequest {
  const { name, tags } = row.host;
  return { ...loginFor(row, user, secrets), ...(name ? { name } : {}), tags };
}

/** The row after a check of it. */
export function afterCheck(row: ImportRow, report: CheckReport): ImportRow {
  const question = keyToConfirm(report);
  if (question) return { ...row, state: 'asks', question, words: '', hint: '' };
  const changed = changedKey(report);
  if (changed) {
    return { ...row, state: 'failed', question: null, words: 'Its host key has changed since.', hint: '' };
  }
  if (report.known_node) {
    const words = `It is the node ${displayName(report.known_node.name, 60)} already.`;
    return { ...row, state: 'failed', question: null, words, hint: 'Deploy the Spider again from there.' };
  }
  const failed = report.steps.find((step) => !step.ok);
  if (failed) {
    return {
      ...row,
      state: 'failed',
      question: null,
      words: failed.detail || stepTitle(failed.name),
      hint: failed.hint,
    };
  }
  const facts = report.facts;
  return {
    ...row,
    state: 'ready',
    question: null,
    words: [facts?.os.name, facts?.arch, facts?.init].filter(Boolean).join(', '),
    hint: '',
  };
}
