import type { Job, RemovalResult } from '../../api/job';
import { displayName } from '../../lib/names';
import { CopyButton } from '../../ui/copy';

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** What a removal left behind, with the commands that clean it up by hand. */
export function Leftovers({ job }: { job: Job }) {
  const result: RemovalResult = job.result ?? {};
  const left = strings(result.left);
  const commands = strings(result.commands);
  const removed = strings(result.removed);
  if (left.length + commands.length + removed.length === 0) return null;
  return (
    <section aria-label="What was done" className="panel grid gap-3 p-4 text-sm" data-testid="job-result">
      {left.length > 0 && (
        <div className="grid gap-1">
          <h2 className="font-semibold text-warn">Left behind on the machine</h2>
          <PathList paths={left} />
        </div>
      )}
      {commands.length > 0 && (
        <div className="grid gap-1">
          <div className="flex items-center justify-between gap-3">
            <h3 className="text-dim">To clean it up by hand, as root:</h3>
            <CopyButton text={commands.join('\n')} />
          </div>
          <pre className="overflow-x-auto rounded-md border border-line bg-term px-3 py-2 font-mono text-xs leading-5 whitespace-pre-wrap wrap-anywhere select-all">
            {commands.map((command) => displayName(command, 1_000)).join('\n')}
          </pre>
        </div>
      )}
      {removed.length > 0 && (
        <details>
          <summary className="text-dim">
            {left.length === 0 ? 'Everything was removed: ' : 'Removed: '}
            {removed.length} {removed.length === 1 ? 'thing' : 'things'}
          </summary>
          <div className="mt-2">
            <PathList paths={removed} />
          </div>
        </details>
      )}
    </section>
  );
}

function PathList({ paths }: { paths: readonly string[] }) {
  return (
    <ul className="grid gap-0.5 font-mono text-xs text-dim">
      {paths.map((path) => (
        <li key={path} className="wrap-anywhere">
          {displayName(path, 300)}
        </li>
      ))}
    </ul>
  );
}
