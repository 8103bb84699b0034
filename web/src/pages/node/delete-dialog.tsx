import { type FormEvent, useId, useState } from 'react';
import { useLocation } from 'wouter';
import { type ApiError, api, asApiError } from '../../api/client';
import { displayName } from '../../lib/series-key';
import type { FleetNode } from '../../live/fleet';
import { live } from '../../live/store';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Problem } from '../../ui/problem';

/** Can't be undone, so it says what goes, from which machine, and asks for the name. */
export function DeleteDialog({ node, onClose }: { node: FleetNode; onClose(): void }) {
  const [, navigate] = useLocation();
  const [typed, setTyped] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const id = useId();
  const sure = typed === node.name;

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy || !sure) return;
    setBusy(true);
    setError(null);
    try {
      await api.deleteNode(node.id);
      navigate('/');
      live.remove(node.id);
    } catch (cause) {
      setError(asApiError(cause));
      setBusy(false);
    }
  }

  return (
    <Dialog title={node.managed ? 'Forget the node here' : 'Delete the node'} onClose={onClose} sticky={busy}>
      <form onSubmit={submit} className="grid gap-4">
        <div className="grid gap-2 text-sm text-dim">
          <p>
            This removes <strong className="text-text wrap-anywhere">{displayName(node.name)}</strong> and all
            of its history from Ground Control. It can’t be undone.
          </p>
          <p>
            Its token stops working at once. The Spider on the machine itself stays installed and will be
            refused until you remove it there.{' '}
            {node.managed && 'To take it off the machine as well, choose Remove instead.'}
          </p>
        </div>
        <div className="grid gap-1">
          <label htmlFor={id} className="text-sm text-dim">
            To go on, type the name: <span className="text-text select-all wrap-anywhere">{node.name}</span>
          </label>
          <input
            id={id}
            className="field"
            data-testid="delete-name"
            autoFocus
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        </div>
        {error && <Problem error={error} />}
        <div className="flex justify-end gap-2">
          <Button look="quiet" onClick={onClose}>
            Cancel
          </Button>
          <Button look="danger" type="submit" data-testid="delete-submit" disabled={!sure || busy}>
            {busy ? 'Deleting…' : 'Delete with its history'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
