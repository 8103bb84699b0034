import type { Job } from '../../api/job';

/** Causes that another way in may mend: the host's address or key, the login, the credentials. */
const CONNECTION = new Set([
  'bad_target',
  'unknown_host',
  'unreachable',
  'refused',
  'timeout',
  'not_ssh',
  'no_common_algorithm',
  'host_key_new',
  'host_key_changed',
  'key_unreadable',
  'key_unsupported',
  'passphrase_missing',
  'passphrase_wrong',
  'key_refused',
  'password_refused',
  'second_factor',
  'certificate_unusable',
  'method_refused',
  'no_privilege',
  'credentials_needed',
]);

interface Links {
  /** To the packages of the node. */
  packages: string | null;
  connection: string | null;
}

/** Where one goes from a job that has ended. `there`: its node still is. */
export function linksOf(
  job: Pick<Job, 'kind' | 'node' | 'error' | 'result' | 'state'>,
  there: boolean,
): Links {
  if (job.node === null || !there) return { packages: null, connection: null };
  const { cause } = job.error ?? {};
  const ended = job.state !== 'queued' && job.state !== 'running';
  const packages = job.kind.startsWith('packages_') || job.kind === 'packages';
  const halfWay = packages && (job.state === 'failed' || job.state === 'lost') && job.result !== null;
  return {
    packages: ended && packages ? (halfWay ? 'Packages and repair' : 'Packages of this node') : null,
    connection:
      cause === undefined || !CONNECTION.has(cause)
        ? null
        : cause === 'host_key_changed'
          ? 'Compare and accept the new key…'
          : 'Connection…',
  };
}

/** Whether a text has been said by another, give or take what is around it. */
export function saysTheSame(text: string | undefined, other: string | undefined): boolean {
  if (!text || !other) return false;
  const bare = (words: string) =>
    words
      .trim()
      .replace(/[.\s]+$/, '')
      .toLowerCase();
  return bare(other).includes(bare(text));
}
