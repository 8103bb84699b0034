import type { Job } from '../../api/job';
import type { Need } from '../../lib/access';

/** What it takes to have the same done again; to cancel it takes no more than to operate. */
export function needOf(job: Pick<Job, 'kind'>): Need {
  switch (job.kind) {
    case 'deploy':
    case 'upgrade':
    case 'rotate_token':
    case 'upgrade_fleet':
      return 'deploy';
    case 'remove':
      return 'administer';
    default:
      return 'operate';
  }
}

/** The nodes that it works on, as far as it says. */
export function nodesOf(job: Pick<Job, 'node' | 'result'>): number[] {
  if (job.node !== null) return [job.node];
  const waves = Array.isArray(job.result?.waves) ? job.result.waves : [];
  const named = waves.flatMap((wave) => (Array.isArray(wave?.nodes) ? wave.nodes : []));
  return named.filter((node) => typeof node === 'number');
}
