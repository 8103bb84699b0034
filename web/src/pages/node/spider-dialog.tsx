import { api } from '../../api/client';
import type { FleetNode } from '../../live/fleet';
import { Name } from '../../ui/name';
import { RunDialog } from '../ssh/run-dialog';

interface Props {
  node: FleetNode;
  what: 'upgrade' | 'redeploy' | 'rotate';
  version: string;
  onClose(): void;
}

/** What can be done with a Spider that is deployed, and what it means. */
export function SpiderDialog({ node, what, version, onClose }: Props) {
  const name = (
    <strong className="text-text wrap-anywhere">
      <Name text={node.name} />
    </strong>
  );
  switch (what) {
    case 'upgrade':
      return (
        <RunDialog
          title="Upgrade the Spider"
          submit={`Upgrade to ${version}`}
          start={(secrets) => api.upgrade(node.id, secrets)}
          onClose={onClose}
        >
          <p>
            On {name} the Spider goes from <Name text={node.spider_version ?? '?'} max={40} /> to {version}.
            If the new one has not connected within a minute, the machine itself puts the old one back.
          </p>
        </RunDialog>
      );
    case 'redeploy':
      return (
        <RunDialog
          title="Deploy the Spider anew"
          submit="Deploy it"
          start={(secrets) => api.deployTo(node.id, secrets)}
          onClose={onClose}
        >
          <p>
            On {name} the program, its service and its settings are written again, with the address that
            Ground Control has now and a new token. Its history stays.
          </p>
        </RunDialog>
      );
    case 'rotate':
      return (
        <RunDialog
          title="Rotate the token"
          submit="Rotate it"
          start={(secrets) => api.rotateToken(node.id, secrets)}
          onClose={onClose}
        >
          <p>
            {name} gets a new token, and the old one stops working once the new one is in use. Nothing is lost
            in between.
          </p>
        </RunDialog>
      );
  }
}
