import { api } from '../../api/client';
import { displayName } from '../../lib/names';
import { bytes } from '../../lib/units';
import { useLoaded } from '../../lib/use-loaded';
import type { FleetNode } from '../../live/fleet';
import { Dialog } from '../../ui/dialog';
import { Problem } from '../../ui/problem';
import type { Ask } from './asking';

const PRE =
  'max-h-72 overflow-auto rounded-md border border-line bg-term px-3 py-2 font-mono text-xs leading-5 whitespace-pre-wrap wrap-anywhere';

function safeLines(text: string): string {
  return text
    .split('\n')
    .map((line) => displayName(line, 2_000))
    .join('\n');
}

interface Props {
  node: FleetNode;
  name: string;
  ask: Ask;
  onClose(): void;
}

/** What a package is, and what is new in it. */
export function DetailsDialog({ node, name, ask, onClose }: Props) {
  const { data, error, reload } = useLoaded(name, (signal) =>
    ask((secrets) => api.packageDetails(node.id, name, secrets, signal)),
  );
  const facts: [string, string | null][] = data
    ? [
        ['Version', data.version],
        ['Installed', data.installed],
        ['Architecture', data.arch],
        ['From', data.repo],
        ['Size', data.size_bytes === null ? null : bytes(data.size_bytes)],
        ['License', data.license],
        ['Home page', data.homepage],
        ...data.fields,
      ]
    : [];
  return (
    <Dialog title={displayName(name, 80)} onClose={onClose} wide>
      {error && <Problem error={error} onRetry={reload} />}
      {!data && !error && <p className="late text-sm text-faint">Asking the machine…</p>}
      {data && (
        <div className="grid gap-4">
          {data.summary && <p className="text-sm wrap-anywhere">{displayName(data.summary, 400)}</p>}
          <dl className="grid grid-cols-[7rem_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm">
            {facts.map(([label, value]) =>
              value ? (
                <div key={label} className="contents">
                  <dt className="text-faint">{displayName(label, 40)}</dt>
                  <dd className="wrap-anywhere">{displayName(value, 400)}</dd>
                </div>
              ) : null,
            )}
          </dl>
          {data.description && (
            <p className="text-sm text-dim whitespace-pre-line wrap-anywhere">
              {safeLines(data.description)}
            </p>
          )}
          {data.changelog && (
            <details open>
              <summary className="mb-2 w-fit rounded-sm text-sm text-dim hover:text-text">
                What is new
              </summary>
              <pre className={PRE}>{safeLines(data.changelog)}</pre>
            </details>
          )}
        </div>
      )}
    </Dialog>
  );
}
