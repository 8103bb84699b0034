import { useEffect, useState } from 'react';
import { type ApiError, api, asApiError } from '../../api/client';
import type { FleetUpgrade, NodePreview } from '../../api/packages';
import { bytes } from '../../lib/units';
import { Name } from '../../ui/name';
import { Problem } from '../../ui/problem';
import { QuietBadge, SecurityBadge } from './badges';
import { type Looked, looked, NOTHING_LOOKED, noteOf } from './fleet-preview-words';
import { Versions } from './preview-dialog';

/** Asks page by page what the wish would do on each node. Begins anew when the wish changes. */
export function useFleetPreview(wish: FleetUpgrade | null) {
  const [state, setState] = useState<Looked>(NOTHING_LOOKED);
  const [error, setError] = useState<ApiError | null>(null);
  const [round, setRound] = useState(0);
  const key = wish === null ? null : JSON.stringify(wish);
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked anew with `round`.
  useEffect(() => {
    setState(NOTHING_LOOKED);
    setError(null);
    if (key === null) return;
    const request = new AbortController();
    const wanted = JSON.parse(key) as FleetUpgrade;
    // Someone may still be typing.
    const timer = setTimeout(async () => {
      let cursor: number | null = null;
      try {
        do {
          const page = await api.previewWaves(
            { ...wanted, ...(cursor === null ? {} : { cursor }) },
            request.signal,
          );
          if (request.signal.aborted) return;
          cursor = page.next;
          setState((before) => looked(before, page));
        } while (cursor !== null);
      } catch (cause) {
        if (!request.signal.aborted) setError(asApiError(cause));
      }
    }, 250);
    return () => {
      clearTimeout(timer);
      request.abort();
    };
  }, [key, round]);
  return { ...state, error, retry: () => setRound((n) => n + 1) };
}

interface Props {
  preview: ReturnType<typeof useFleetPreview>;
}

/** What would happen on each node, wave by wave, and who is left out and why. */
export function FleetPreview({ preview }: Props) {
  const { waves, nodes, leftOut, done, error } = preview;
  if (error) return <Problem error={error} onRetry={preview.retry} />;
  const total = waves.reduce((sum, wave) => sum + wave.length, 0);
  return (
    <div className="grid gap-3" data-testid="waves-preview" data-done={done}>
      {!done && (
        <p role="status" className="flex items-center gap-2 text-sm text-dim">
          <span className="pulse size-2 rounded-full bg-s1" aria-hidden />
          Asking the machines what would happen{total > 0 ? `: ${nodes.size} of ${total}` : ''}. Nothing is
          changed.
        </p>
      )}
      {leftOut.length > 0 && (
        <section
          aria-label="Left out"
          className="rounded-md border border-warn/45 bg-warn/8 px-3 py-2 text-sm"
        >
          <h3 className="font-medium">
            {leftOut.length === 1 ? 'One node is left out' : `${leftOut.length} nodes are left out`}
          </h3>
          <ul className="mt-1 grid gap-0.5 text-xs text-dim">
            {leftOut.map((one) => (
              <li key={one.node} className="wrap-anywhere">
                <span className="text-text">
                  <Name text={one.name} max={60} />
                </span>
                : <Name text={one.message} max={300} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {waves.map((wave, at) => (
        <section
          // biome-ignore lint/suspicious/noArrayIndexKey: a wave is its place in the row.
          key={at}
          aria-label={`Wave ${at + 1}`}
        >
          <h3 className="mb-1 text-sm font-semibold">
            Wave {at + 1}{' '}
            <span className="font-normal text-faint">
              {wave.length === 1 ? '1 node' : `${wave.length} nodes`}
            </span>
          </h3>
          <ul className="divide-y divide-line rounded-md border border-line">
            {wave.slice(0, SHOWN_MAX).map((id) => (
              <NodeLine key={id} id={id} node={nodes.get(id)} />
            ))}
            {wave.length > SHOWN_MAX && (
              <li className="px-3 py-1.5 text-xs text-faint">and {wave.length - SHOWN_MAX} more</li>
            )}
          </ul>
        </section>
      ))}
    </div>
  );
}

const SHOWN_MAX = 100;

function NodeLine({ id, node }: { id: number; node: NodePreview | undefined }) {
  if (!node) return <li className="px-3 py-1.5 text-xs text-faint">Node {id}: not asked yet</li>;
  const note = noteOf(node);
  const changes = [
    ...node.removed.map((one) => ({ ...one, what: 'Removed' as const, to: null })),
    ...node.downgraded.map((one) => ({ ...one, what: 'Downgraded' as const, to: one.new ?? null })),
    ...node.upgraded.map((one) => ({ ...one, what: null, to: one.new ?? null })),
    ...node.installed.map((one) => ({ ...one, what: 'New' as const, to: one.new ?? null })),
  ];
  return (
    <li data-node={node.node} data-state={node.state}>
      <details className="group">
        <summary className="grid list-none gap-0.5 px-3 py-1.5 hover:bg-hover">
          <span className="flex flex-wrap items-center gap-x-2 gap-y-1 text-sm">
            <span className="mr-auto min-w-0 font-medium wrap-anywhere">
              <Name text={node.name} max={60} />
            </span>
            {(node.counts.security ?? 0) > 0 && <SecurityBadge count={node.counts.security!} />}
            {node.counts.removed > 0 && (
              <span className="text-xs font-semibold text-bad">{node.counts.removed} removed</span>
            )}
            {node.counts.downgraded > 0 && (
              <span className="text-xs font-semibold text-warn">{node.counts.downgraded} downgraded</span>
            )}
            <span className="text-xs text-dim">
              {node.counts.upgraded} upgraded
              {node.counts.installed > 0 ? `, ${node.counts.installed} new` : ''}
              {node.download_bytes ? `, ${bytes(node.download_bytes)}` : ''}
            </span>
          </span>
          {note && (
            <span className={`text-xs wrap-anywhere ${note.bad ? 'text-bad' : 'text-dim'}`}>
              <Name text={note.words} max={300} />
            </span>
          )}
          {node.warnings.map((one) => (
            <span key={one.kind} className="text-xs text-warn wrap-anywhere">
              <Name text={one.message} max={200} />
            </span>
          ))}
        </summary>
        {changes.length > 0 && (
          <ul className="border-t border-line px-3 py-1">
            {changes.map((one) => (
              <li
                key={`${one.what}/${one.name}/${one.arch}`}
                className="flex flex-wrap items-center gap-x-2 gap-y-0.5 py-0.5 text-xs"
              >
                <span className="min-w-0 wrap-anywhere">
                  <Name text={one.name} max={100} />
                </span>
                {'security' in one && one.security && <SecurityBadge />}
                {one.what && <QuietBadge>{one.what}</QuietBadge>}
                <Versions from={one.installed} to={one.to} />
              </li>
            ))}
            {node.more && <li className="text-xs text-faint">and more than fit here</li>}
          </ul>
        )}
      </details>
    </li>
  );
}
