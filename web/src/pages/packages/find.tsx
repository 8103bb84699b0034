import { type FormEvent, useState } from 'react';
import { type ApiError, api, asApiError } from '../../api/client';
import type { NodePackages, PreviewAction, SearchAnswer } from '../../api/packages';
import { displayName } from '../../lib/names';
import { Button } from '../../ui/button';
import { Problem } from '../../ui/problem';
import type { Ask } from './asking';
import { QuietBadge } from './badges';

interface Props {
  facts: NodePackages;
  ask: Ask;
  onPreview(action: PreviewAction, packages?: readonly string[]): void;
  onDetails(name: string): void;
}

/** Search in the repositories of the node, and install. */
export function Find({ facts, ask, onPreview, onDetails }: Props) {
  const [text, setText] = useState('');
  const [answer, setAnswer] = useState<SearchAnswer | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [searching, setSearching] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (text.trim() === '' || searching) return;
    setSearching(true);
    setError(null);
    try {
      setAnswer(await ask((secrets) => api.searchPackages(facts.node, text.trim(), secrets)));
    } catch (cause) {
      setError(asApiError(cause));
    }
    setSearching(false);
  }

  return (
    <div className="grid grid-cols-1 gap-3">
      <form onSubmit={submit} className="flex gap-2">
        <input
          type="search"
          aria-label="Search packages"
          className="field h-8 max-w-100 flex-1 text-sm pointer-coarse:h-10"
          data-testid="package-search"
          placeholder="nginx"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          maxLength={128}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <Button type="submit" disabled={searching || text.trim() === ''}>
          {searching ? 'Searching…' : 'Search'}
        </Button>
      </form>
      {error && <Problem error={error} />}
      {answer && answer.packages.length === 0 && <p className="text-sm text-dim">Nothing was found.</p>}
      {answer && answer.packages.length > 0 && (
        <ul className="panel divide-y divide-line" data-testid="found-packages">
          {answer.packages.map((one) => (
            <li key={one.name} className="flex items-center gap-3 px-4 py-2 hover:bg-hover">
              <div className="min-w-0 flex-1">
                <div className="flex flex-wrap items-center gap-x-2">
                  <button
                    type="button"
                    onClick={() => onDetails(one.name)}
                    className="rounded-sm text-left text-sm font-medium wrap-anywhere hover:underline"
                  >
                    {displayName(one.name, 120)}
                  </button>
                  {one.version && (
                    <span className="font-mono text-xs text-faint">{displayName(one.version, 60)}</span>
                  )}
                  {one.installed && <QuietBadge>Installed</QuietBadge>}
                </div>
                <p className="truncate text-xs text-dim">{displayName(one.summary, 200)}</p>
              </div>
              {one.installed !== true && facts.actions.includes('install') && (
                <Button small onClick={() => onPreview('install', [one.name])}>
                  Install…
                </Button>
              )}
            </li>
          ))}
        </ul>
      )}
      {answer?.more && <p className="text-xs text-faint">There are more: search for something narrower.</p>}
    </div>
  );
}
