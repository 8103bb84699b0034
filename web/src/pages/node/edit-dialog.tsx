import { type FormEvent, useId, useState } from 'react';
import { type ApiError, api, asApiError } from '../../api/client';
import type { FleetNode } from '../../live/fleet';
import { live } from '../../live/store';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Problem } from '../../ui/problem';
import { parseTags } from '../fleet/parse-tags';

interface Props {
  node: FleetNode;
  what: 'name' | 'tags';
  onClose(): void;
}

export function EditDialog({ node, what, onClose }: Props) {
  const [text, setText] = useState(what === 'name' ? node.name : node.tags.join(', '));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const id = useId();

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      live.upsert(
        await api.updateNode(node.id, what === 'name' ? { name: text.trim() } : { tags: parseTags(text) }),
      );
      onClose();
    } catch (cause) {
      setError(asApiError(cause));
      setBusy(false);
    }
  }

  return (
    <Dialog title={what === 'name' ? 'Rename the node' : 'Edit tags'} onClose={onClose}>
      <form onSubmit={submit} className="grid gap-4">
        <div className="grid gap-1">
          <label htmlFor={id} className="text-sm text-dim">
            {what === 'name' ? 'Name' : 'Tags, with commas between'}
          </label>
          <input
            id={id}
            className="field"
            data-testid={`edit-${what}`}
            autoFocus
            required={what === 'name'}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          {what === 'name' && (
            <span className="text-xs text-faint">
              Only the name shown here changes; the machine keeps its host name, and its history stays.
            </span>
          )}
        </div>
        {error && <Problem error={error} />}
        <div className="flex justify-end gap-2">
          <Button look="quiet" onClick={onClose}>
            Cancel
          </Button>
          <Button
            look="primary"
            type="submit"
            data-testid="edit-submit"
            disabled={busy || (what === 'name' && text.trim() === '')}
          >
            {busy ? 'Saving…' : 'Save'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
