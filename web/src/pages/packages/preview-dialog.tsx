import ArrowRight from 'lucide-react/icons/arrow-right';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { ApiError, api, asApiError } from '../../api/client';
import type { Change, Preview, PreviewAction, Repair } from '../../api/packages';
import type { Secrets } from '../../api/ssh';
import { forPeople } from '../../lib/for-people';
import { displayName } from '../../lib/names';
import { bytes } from '../../lib/units';
import type { FleetNode } from '../../live/fleet';
import { live } from '../../live/store';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Problem } from '../../ui/problem';
import { NO_SECRETS, SecretsFields, secretsOf } from '../ssh/secrets';
import { QuietBadge, SecurityBadge } from './badges';

const TITLES: Record<PreviewAction, string> = {
  upgrade: 'Upgrade packages',
  'full-upgrade': 'Full upgrade',
  install: 'Install packages',
  remove: 'Remove packages',
  autoremove: 'Remove what is not needed any more',
};
const SUBMITS: Record<PreviewAction, string> = {
  upgrade: 'Upgrade',
  'full-upgrade': 'Upgrade',
  install: 'Install',
  remove: 'Remove',
  autoremove: 'Remove',
};

interface Props {
  node: FleetNode;
  action: PreviewAction;
  /** None: all. */
  packages?: readonly string[];
  /** Of an upgrade: what is for security alone. */
  security?: boolean;
  /** What was typed on this page for a node whose credentials are not kept. */
  given: Secrets;
  onGiven(secrets: Secrets): void;
  onRepair(repair: Repair): void;
  onClose(): void;
}

/** What the manager itself says would happen; only then it can be started, and only just this. */
export default function PreviewDialog({
  node,
  action,
  packages,
  security,
  given,
  onGiven,
  onRepair,
  onClose,
}: Props) {
  const [, navigate] = useLocation();
  const [preview, setPreview] = useState<Preview | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [asked, setAsked] = useState(false);
  const [draft, setDraft] = useState(NO_SECRETS);
  const [looking, setLooking] = useState(false);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<ApiError | null>(null);
  const request = useRef<AbortController | null>(null);
  // The button says which; a node’s own setting is for who asks for neither.
  const wish = action === 'upgrade' ? { full: false, ...(security ? { security: true } : {}) } : {};
  const secrets: Secrets | null = asked ? secretsOf(draft) : given;

  async function look() {
    if (secrets === null) return;
    request.current?.abort();
    const own = new AbortController();
    request.current = own;
    setLooking(true);
    setError(null);
    setRefused(null);
    try {
      const found = await api.previewPackages(node.id, { ...secrets, action, packages, ...wish }, own.signal);
      if (own.signal.aborted) return;
      setPreview(found);
      if (asked) onGiven(secrets);
    } catch (cause) {
      if (own.signal.aborted) return;
      if (cause instanceof ApiError && cause.kind === 'credentials_needed' && !asked) setAsked(true);
      else setError(asApiError(cause));
    }
    setLooking(false);
  }
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when opened.
  useEffect(() => {
    void look();
    return () => request.current?.abort();
  }, []);

  async function run(event: FormEvent) {
    event.preventDefault();
    if (!preview) {
      void look();
      return;
    }
    if (busy || secrets === null) return;
    setBusy(true);
    setRefused(null);
    try {
      const { job } = await api.packageJob(node.id, action, {
        ...secrets,
        ...(packages ? { packages } : {}),
        ...wish,
        plan: preview.plan,
      });
      live.putJob(job);
      navigate(`/jobs/${job.id}`);
    } catch (cause) {
      setRefused(asApiError(cause));
      setBusy(false);
    }
  }

  const possible = preview !== null && !preview.refused && !preview.nothing;
  return (
    <Dialog
      title={`${TITLES[action]}: ${displayName(node.name, 40)}`}
      onClose={onClose}
      sticky={busy || asked}
      wide
    >
      <form
        onSubmit={run}
        className="grid gap-4"
        data-testid="preview"
        data-looking={looking}
        autoComplete="off"
      >
        {asked && !preview && <SecretsFields draft={draft} onChange={setDraft} />}
        {looking && (
          <p role="status" className="flex items-center gap-2 text-sm text-dim">
            <span className="pulse size-2 rounded-full bg-s1" aria-hidden />
            Asking the machine what would happen. Nothing is changed.
          </p>
        )}
        {error && <Problem error={error} onRetry={() => void look()} />}
        {preview && <PreviewView preview={preview} onRepair={onRepair} />}
        {refused && <Problem error={refused} onRetry={() => void look()} />}
        <div className="flex justify-end gap-2">
          <Button look="quiet" onClick={onClose}>
            {possible ? 'Cancel' : 'Close'}
          </Button>
          {(possible || (asked && !preview)) && (
            <Button
              type="submit"
              look={preview && preview.removed.length > 0 ? 'danger' : 'primary'}
              data-testid="preview-run"
              disabled={busy || looking || secrets === null}
            >
              {!preview ? 'Look' : busy ? 'Starting…' : SUBMITS[action]}
            </Button>
          )}
        </div>
      </form>
    </Dialog>
  );
}

interface ViewProps {
  preview: Preview;
  onRepair?(repair: Repair): void;
}

export function PreviewView({ preview, onRepair }: ViewProps) {
  const disk = preview.disk_bytes;
  const facts = [
    preview.download_bytes ? `${bytes(preview.download_bytes)} to download` : null,
    disk === null || disk === 0
      ? null
      : disk > 0
        ? `${bytes(disk)} more on disk`
        : `${bytes(-disk)} freed on disk`,
  ].filter(Boolean);
  return (
    <div className="grid gap-4">
      {preview.refused && (
        <div role="alert" className="rounded-md border border-bad/45 bg-bad/8 px-3 py-2 text-sm">
          <p className="font-medium wrap-anywhere">{displayName(preview.refused.message, 500)}</p>
          {forPeople(preview.refused.hint) && (
            <p className="mt-0.5 text-dim wrap-anywhere">
              {displayName(forPeople(preview.refused.hint), 500)}
            </p>
          )}
          {preview.refused.repair && onRepair && (
            <Button
              small
              className="mt-2"
              data-testid="preview-repair"
              onClick={() => onRepair(preview.refused!.repair!)}
            >
              {displayName(preview.refused.repair.title, 120)}…
            </Button>
          )}
        </div>
      )}
      {preview.nothing && !preview.refused && <p className="text-sm text-dim">There is nothing to do.</p>}
      <Changes title="Removed" tone="text-bad" list={preview.removed} />
      <Changes title="Downgraded" tone="text-warn" list={preview.downgraded} />
      <Changes title="Upgraded" list={preview.upgraded} />
      <Changes title="Newly installed" list={preview.installed} />
      {preview.kept_back.length > 0 && (
        <p className="text-sm text-dim">
          Kept back:{' '}
          <span className="font-mono text-xs wrap-anywhere">
            {preview.kept_back.map((name) => displayName(name, 80)).join(', ')}
          </span>
        </p>
      )}
      {preview.restarts.length > 0 && (
        <p className="text-sm text-dim">
          Restarted:{' '}
          <span className="font-mono text-xs wrap-anywhere">
            {preview.restarts.map((name) => displayName(name, 80)).join(', ')}
          </span>
        </p>
      )}
      {(facts.length > 0 || preview.space.length > 0) && (
        <div className="grid gap-1 text-sm">
          {facts.length > 0 && <p>{facts.join(', ')}</p>}
          {preview.space
            .filter((place) => place.need_bytes > 0 || !place.ok)
            .map((place) => (
              <p key={place.path} className={place.ok ? 'text-xs text-faint' : 'text-xs text-bad'}>
                {displayName(place.path, 60)}: {bytes(place.need_bytes)} needed, {bytes(place.free_bytes)}{' '}
                free
              </p>
            ))}
        </div>
      )}
      {preview.text && (
        <details>
          <summary className="w-fit rounded-sm text-sm text-dim hover:text-text">
            The manager’s own words
          </summary>
          <pre className="mt-2 max-h-60 overflow-auto rounded-md border border-line bg-term px-3 py-2 font-mono text-xs leading-5 whitespace-pre-wrap wrap-anywhere">
            {preview.text
              .split('\n')
              .map((line) => displayName(line, 2_000))
              .join('\n')}
          </pre>
        </details>
      )}
    </div>
  );
}

function Changes({ title, list, tone = '' }: { title: string; list: readonly Change[]; tone?: string }) {
  if (list.length === 0) return null;
  const security = list.filter((change) => change.security).length;
  const ordered = [...list].sort((a, b) => Number(b.security === true) - Number(a.security === true));
  return (
    <section aria-label={title}>
      <h3 className={`mb-1 text-sm font-semibold ${tone}`}>
        {title} <span className="font-normal text-faint">{list.length}</span>
        {security > 0 && (
          <span className="font-normal text-bad" data-testid="preview-security">
            , {security} for security
          </span>
        )}
      </h3>
      <ul className="max-h-56 divide-y divide-line overflow-auto rounded-md border border-line">
        {ordered.map((change) => (
          <li
            key={`${change.name}:${change.arch}`}
            className="flex flex-wrap items-center gap-x-3 gap-y-0.5 px-3 py-1 text-sm"
          >
            <span className="min-w-0 wrap-anywhere">{displayName(change.name, 120)}</span>
            {change.security && <SecurityBadge />}
            {change.essential && <QuietBadge>Essential</QuietBadge>}
            <Versions from={change.installed} to={change.new ?? null} />
          </li>
        ))}
      </ul>
    </section>
  );
}

export function Versions({ from, to }: { from: string | null; to: string | null }) {
  return (
    <span className="ml-auto flex min-w-0 flex-wrap items-center justify-end gap-x-1.5 font-mono text-xs text-dim">
      {from && <span className="wrap-anywhere">{displayName(from, 60)}</span>}
      {from && to && <ArrowRight size={12} aria-label="to" className="shrink-0 text-faint" />}
      {to && <span className="wrap-anywhere text-text">{displayName(to, 60)}</span>}
    </span>
  );
}
