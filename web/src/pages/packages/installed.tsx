import { type FormEvent, useState } from 'react';
import { type ApiError, api, asApiError } from '../../api/client';
import type { InstalledPage, NodePackages, PreviewAction } from '../../api/packages';
import { displayName } from '../../lib/names';
import { bytes } from '../../lib/units';
import { useLoaded } from '../../lib/use-loaded';
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

/** All that is installed, read on the node at this moment. */
export function Installed({ facts, ask, onPreview, onDetails }: Props) {
  const [text, setText] = useState('');
  const [query, setQuery] = useState('');
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [more, setMore] = useState<InstalledPage['packages']>([]);
  const [cursor, setCursor] = useState<string | null | undefined>(undefined);
  const [problem, setProblem] = useState<ApiError | null>(null);
  const first = useLoaded(query, (signal) =>
    ask((secrets) => api.installed(facts.node, query, null, secrets, signal)),
  );
  const rows = [...(first.data?.packages ?? []), ...more];
  const next = cursor === undefined ? (first.data?.next ?? null) : cursor;

  function submit(event: FormEvent) {
    event.preventDefault();
    setMore([]);
    setCursor(undefined);
    setQuery(text.trim());
  }
  async function loadMore() {
    if (!next) return;
    try {
      const page = await ask((secrets) => api.installed(facts.node, query, next, secrets));
      setMore((before) => [...before, ...page.packages]);
      setCursor(page.next);
    } catch (cause) {
      setProblem(asApiError(cause));
    }
  }
  const toggle = (name: string) =>
    setChosen((before) => {
      const now = new Set(before);
      if (!now.delete(name)) now.add(name);
      return now;
    });

  return (
    <div className="grid grid-cols-1 gap-3">
      <form onSubmit={submit} className="flex flex-wrap items-center gap-2">
        <input
          type="search"
          aria-label="Filter what is installed"
          className="field h-8 max-w-80 flex-1 text-sm pointer-coarse:h-10"
          placeholder="Filter by name, then Enter"
          autoComplete="off"
          spellCheck={false}
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        <span className="mr-auto text-xs text-faint">
          {first.data ? `${first.data.total} installed` : ''}
        </span>
        {facts.actions.includes('autoremove') && chosen.size === 0 && (
          <Button small data-testid="autoremove" onClick={() => onPreview('autoremove')}>
            Remove what is not needed…
          </Button>
        )}
        {chosen.size > 0 && (
          <Button
            small
            look="danger"
            data-testid="remove-selected"
            onClick={() => onPreview('remove', [...chosen])}
          >
            Remove {chosen.size}…
          </Button>
        )}
      </form>
      {first.error && <Problem error={first.error} onRetry={first.reload} />}
      {problem && <Problem error={problem} onRetry={() => void loadMore()} />}
      {first.loading && <p className="late text-sm text-faint">Asking the machine…</p>}
      {rows.length > 0 && (
        <ul
          className={`panel divide-y divide-line ${first.loading ? 'opacity-60' : ''}`}
          data-testid="installed"
        >
          {rows.map((one) => (
            <li
              key={`${one.name}:${one.arch}`}
              className="flex items-center gap-3 px-4 py-1.5 hover:bg-hover"
            >
              {facts.actions.includes('remove') && (
                <input
                  type="checkbox"
                  aria-label={`Choose ${displayName(one.name, 80)}`}
                  className=""
                  checked={chosen.has(one.name)}
                  onChange={() => toggle(one.name)}
                />
              )}
              <button
                type="button"
                onClick={() => onDetails(one.name)}
                className="min-w-0 truncate rounded-sm text-left text-sm hover:underline"
              >
                {displayName(one.name, 120)}
              </button>
              {one.automatic && <QuietBadge title="Came along with another package">Automatic</QuietBadge>}
              <span className="ml-auto min-w-0 truncate font-mono text-xs text-dim">
                {displayName(one.version, 60)}
              </span>
              <span className="w-18 shrink-0 text-right text-xs text-faint max-sm:hidden">
                {one.size_bytes === null ? '' : bytes(one.size_bytes)}
              </span>
            </li>
          ))}
        </ul>
      )}
      {first.data && rows.length === 0 && <p className="text-sm text-dim">Nothing matches.</p>}
      {next && (
        <Button className="justify-self-center" onClick={() => void loadMore()}>
          Show more
        </Button>
      )}
    </div>
  );
}
