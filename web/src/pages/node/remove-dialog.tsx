import { useState } from 'react';
import { api } from '../../api/client';
import type { FleetNode } from '../../live/fleet';
import { Name } from '../../ui/name';
import { Choice } from '../ssh/choice';
import { RunDialog } from '../ssh/run-dialog';

/** The Spider off the machine, and the node out of the fleet: in words, and only after the name was typed. */
export function RemoveDialog({ node, onClose }: { node: FleetNode; onClose(): void }) {
  const [force, setForce] = useState(false);
  return (
    <RunDialog
      title="Remove the node"
      submit="Remove it"
      danger
      confirmName={node.name}
      start={(secrets) => api.removeNode(node.id, { ...secrets, force })}
      onClose={onClose}
    >
      <p>
        On{' '}
        <strong className="text-text wrap-anywhere">
          <Name text={node.name} />
        </strong>{' '}
        the Spider is stopped, and its service, program, settings and user are deleted; each of them is looked
        for afterwards.
      </p>
      <p>
        Here, its token stops working, its SSH credentials are wiped, and all of its history is deleted. It
        can’t be undone.
      </p>
      <div className="mt-1">
        <Choice
          checked={force}
          onChange={setForce}
          label="Also when the machine can’t be reached"
          note="Then what is left behind on it is listed, with the commands to clean it up by hand."
        />
      </div>
    </RunDialog>
  );
}
