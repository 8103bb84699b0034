import type { Job } from '../../api/job';
import { displayName } from '../../lib/names';
import { saysTheSame } from './ways-on';

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

function failures(value: unknown): { name: string; why: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item) => {
    const { name, why } = (item ?? {}) as { name?: unknown; why?: unknown };
    return typeof name === 'string' ? [{ name, why: typeof why === 'string' ? why : '' }] : [];
  });
}

/** What a package job came to, as the manager told at its end. */
export function PackagesResult({ job }: { job: Job }) {
  if (!job.kind.startsWith('packages_') || !job.result) return null;
  const { summary, ended } = job.result;
  const failed = failures(job.result.failed);
  const leftovers = texts(job.result.leftovers);
  const services = texts(job.result.services);
  const reboot = (job.result.reboot_required ?? {}) as { required?: unknown; reasons?: unknown };
  if (!summary && failed.length + leftovers.length + services.length === 0 && reboot.required !== true)
    return null;
  // A line that says little needs no frame.
  const bare = job.state === 'failed' && leftovers.length + services.length === 0 && reboot.required !== true;
  return (
    <section
      aria-label="Result"
      className={`grid gap-1.5 text-sm ${bare ? 'text-dim' : 'panel px-4 py-3'}`}
      data-testid="packages-result"
    >
      {typeof summary === 'string' && summary !== '' && (
        <p className="font-medium wrap-anywhere">{displayName(summary, 300)}</p>
      )}
      {ended === 'killed' && <p className="text-warn">The package manager was killed before its end.</p>}
      {ended === 'rebooted' && <p className="text-warn">The machine was restarted before it ended.</p>}
      {failed
        .filter((one) => !saysTheSame(one.why, job.error?.message))
        .map((one) => (
          <p key={one.name} className="text-bad wrap-anywhere">
            {displayName(one.name, 100)}: {displayName(one.why, 300)}
          </p>
        ))}
      {reboot.required === true && (
        <p className="text-warn wrap-anywhere">
          A reboot is needed
          {texts(reboot.reasons).length > 0 ? `: ${displayName(texts(reboot.reasons).join(', '), 300)}` : '.'}
        </p>
      )}
      {services.length > 0 && (
        <p className="text-dim wrap-anywhere">
          Still on old libraries: {displayName(services.join(', '), 400)}
        </p>
      )}
      {leftovers.length > 0 && (
        <p className="text-dim wrap-anywhere">
          To be merged by a person: {displayName(leftovers.join(', '), 600)}
        </p>
      )}
    </section>
  );
}
