import { api } from '../../api/client';
import type { FleetNode } from '../../live/fleet';
import { Name } from '../../ui/name';
import { RunDialog } from '../ssh/run-dialog';

export function RebootDialog({ node, onClose }: { node: FleetNode; onClose(): void }) {
  return (
    <RunDialog
      title="Reboot"
      submit="Reboot it"
      danger
      confirmName={node.name}
      start={(secrets) => api.reboot(node.id, secrets)}
      onClose={onClose}
    >
      <p>
        <strong className="text-text wrap-anywhere">
          <Name text={node.name} />
        </strong>{' '}
        goes down and starts anew: everything that runs on it is interrupted. The job ends when its Spider is
        back.
      </p>
    </RunDialog>
  );
}
