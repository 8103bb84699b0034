import { useState } from 'react';
import { type ApiError, api, asApiError } from '../../api/client';
import type { Connection } from '../../api/ssh';
import { reasonOf } from '../../lib/access';
import { useAccess } from '../../lib/use-access';
import { useLoaded } from '../../lib/use-loaded';
import type { FleetNode } from '../../live/fleet';
import { Button } from '../../ui/button';
import { Problem } from '../../ui/problem';
import { StepList } from '../../ui/steps';
import { changedKey, type KeyQuestion, stepsOf } from './check-words';
import { ChangedKey } from './host-key';

interface TryProps {
  node: FleetNode;
  connection: Connection;
  onAccepted(connection: Connection): void;
}

/** Tries what is kept. A host key that has changed is shown beside the old one, and accepted by hand or not. */
export function TryStored({ node, connection, onAccepted }: TryProps) {
  const administers = useAccess().on('administer', node);
  const [round, setRound] = useState(0);
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<ApiError | null>(null);
  const tried = useLoaded(String(round), async (signal) => {
    const found = await api.checkStored(node.id, signal);
    // A key that was accepted by its fingerprint is known whole by now.
    if (connection.host_key && !connection.host_key.type && found.host_key?.state === 'known') {
      api.connection(node.id).then(onAccepted, () => {});
    }
    return found;
  });
  const report = tried.loading ? null : tried.data;
  const changed = report && changedKey(report);
  const before = (changed?.who === 'jump' ? connection.jump?.host_key : connection.host_key)?.sha256 ?? null;

  async function accept(key: KeyQuestion) {
    setBusy(true);
    setRefused(null);
    try {
      const own = connection.host_key?.sha256 ?? '';
      onAccepted(
        await api.acceptHostKey(
          node.id,
          key.who === 'jump' ? { sha256: own, jump_sha256: key.sha256 } : { sha256: key.sha256 },
        ),
      );
      setRound((n) => n + 1);
    } catch (cause) {
      setRefused(asApiError(cause));
    } finally {
      setBusy(false);
    }
  }

  return (
    <div className="grid gap-3 border-t border-line pt-4" data-testid="tried" data-ok={report?.ok ?? false}>
      {tried.loading && (
        <p role="status" className="flex items-center gap-2 text-sm text-dim">
          <span className="pulse size-2 rounded-full bg-s1" aria-hidden />
          Trying the login…
        </p>
      )}
      {!tried.loading && tried.error && <Problem error={tried.error} onRetry={tried.reload} />}
      {report && (
        <div className="-mx-2">
          <StepList steps={stepsOf(report)} compact />
        </div>
      )}
      {changed && (
        <>
          <ChangedKey question={changed} before={before} />
          <div className="flex justify-end">
            <Button
              look="danger"
              data-testid="accept-key"
              disabled={busy || !administers}
              title={administers ? undefined : reasonOf('administer')}
              onClick={() => void accept(changed)}
            >
              {busy ? 'Accepting…' : 'I know why: accept the new key'}
            </Button>
          </div>
        </>
      )}
      {refused && <Problem error={refused} />}
    </div>
  );
}
