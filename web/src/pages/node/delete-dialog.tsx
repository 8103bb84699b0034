import { useState } from 'react';
import { useLocation } from 'wouter';
import { api } from '../../api/client';
import { isTyped } from '../../lib/names';
import { useSubmit } from '../../lib/use-submit';
import type { FleetNode } from '../../live/fleet';
import { live } from '../../live/store';
import { ConfirmName } from '../../ui/confirm-name';
import { Dialog } from '../../ui/dialog';
import { FormEnd } from '../../ui/form-end';
import { Name } from '../../ui/name';
import { Problem } from '../../ui/problem';

/** Can't be undone, so it says what goes, from which machine, and asks for the name. */
export function DeleteDialog({ node, onClose }: { node: FleetNode; onClose(): void }) {
  const [, navigate] = useLocation();
  const [typed, setTyped] = useState('');
  const sure = isTyped(typed, node.name);
  const { busy, error, submit } = useSubmit(async () => {
    await api.deleteNode(node.id);
    navigate('/');
    live.remove(node.id);
  });

  return (
    <Dialog title={node.managed ? 'Forget the node here' : 'Delete the node'} onClose={onClose} sticky={busy}>
      <form onSubmit={submit} className="grid gap-4">
        <div className="grid gap-2 text-sm text-dim">
          <p>
            This removes{' '}
            <strong className="text-text wrap-anywhere">
              <Name text={node.name} />
            </strong>{' '}
            and all of its history from Ground Control. It can’t be undone.
          </p>
          <p>
            Its token stops working at once. The Spider on the machine itself stays installed and will be
            refused until you remove it there.{' '}
            {node.managed && 'To take it off the machine as well, choose Remove instead.'}
          </p>
        </div>
        <ConfirmName name={node.name} value={typed} onChange={setTyped} />
        {error && <Problem error={error} />}
        <FormEnd
          label={busy ? 'Deleting…' : 'Delete with its history'}
          testId="delete-submit"
          danger
          disabled={!sure || busy}
          onLeave={onClose}
        />
      </form>
    </Dialog>
  );
}
