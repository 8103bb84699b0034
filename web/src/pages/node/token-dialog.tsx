import { useState } from 'react';
import { api } from '../../api/client';
import type { AddedNode } from '../../api/types';
import { useSubmit } from '../../lib/use-submit';
import type { FleetNode } from '../../live/fleet';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { FormEnd } from '../../ui/form-end';
import { Name } from '../../ui/name';
import { Problem } from '../../ui/problem';
import { HandCommands } from '../ssh/hand-commands';

/** Another token for a Spider that was installed by hand: a lost one can't be shown again, only replaced. */
export default function TokenDialog({ node, onClose }: { node: FleetNode; onClose(): void }) {
  const [made, setMade] = useState<AddedNode | null>(null);
  const { busy, error, submit } = useSubmit(async () => setMade(await api.newToken(node.id)));
  return (
    <Dialog
      title="A new token"
      onClose={onClose}
      sticky={busy || made !== null}
      loses={made ? 'The token is shown only now. Have you copied the command?' : null}
      wide={made !== null}
    >
      {made ? (
        <div className="grid grid-cols-1 gap-4">
          <HandCommands added={made} />
          <div className="flex justify-end">
            <Button onClick={onClose} data-testid="token-done">
              I have copied it
            </Button>
          </div>
        </div>
      ) : (
        <form onSubmit={submit} className="grid gap-4">
          <div className="grid gap-2 text-sm text-dim">
            <p>
              <strong className="text-text wrap-anywhere">
                <Name text={node.name} />
              </strong>{' '}
              gets a new token, which you put on the machine yourself: the command for that comes next. Nobody
              logs in there.
            </p>
            <p>
              The token that it has goes on working until its Spider was seen with the new one. The node, its
              name and its history stay.
            </p>
          </div>
          {error && <Problem error={error} />}
          <FormEnd
            label={busy ? 'Making it…' : 'Make a new token'}
            testId="token-submit"
            disabled={busy}
            onLeave={onClose}
          />
        </form>
      )}
    </Dialog>
  );
}
