import { useState } from 'react';
import { api } from '../../api/client';
import type { FleetPackageNode } from '../../api/packages';
import { displayName } from '../../lib/series-key';
import { Choice } from '../ssh/choice';
import { RunDialog } from '../ssh/run-dialog';
import { wavesOf } from './waves';

interface Props {
  nodes: readonly FleetPackageNode[];
  /** Only these; else all that waits. */
  packages?: readonly string[];
  /** What stops it. */
  rules: readonly string[];
  onClose(): void;
}

function listed(names: readonly string[], max: number): string {
  const shown = names.slice(0, max).map((name) => displayName(name, 60));
  return names.length > max ? `${shown.join(', ')} and ${names.length - max} more` : shown.join(', ');
}

/** Many nodes, one after the other and never all at once; says what stops it. */
export function WavesDialog({ nodes, packages, rules, onClose }: Props) {
  const [full, setFull] = useState(false);
  const count = nodes.length === 1 ? '1 node' : `${nodes.length} nodes`;
  return (
    <RunDialog
      title={
        packages
          ? `Upgrade ${packages.length === 1 ? '1 package' : `${packages.length} packages`} on ${count}`
          : `Upgrade ${count}`
      }
      submit="Start"
      start={() =>
        api.upgradePackages({
          nodes: nodes.map((node) => node.node),
          ...(packages ? { packages: [...packages] } : { full }),
        })
      }
      onClose={onClose}
    >
      <p className="wrap-anywhere">
        {packages && (
          <>
            <span className="text-text">{listed(packages, 12)}</span> on{' '}
          </>
        )}
        <span className="text-text">
          {listed(
            nodes.map((node) => node.name),
            12,
          )}
        </span>
        .
      </p>
      <p>In waves of {wavesOf(nodes.length).join(', then ')}.</p>
      <ul className="grid list-disc gap-0.5 pl-5 text-xs text-faint">
        {rules.map((rule) => (
          <li key={rule}>{displayName(rule, 200)}</li>
        ))}
      </ul>
      <div className="mt-1 grid gap-3">
        {!packages && (
          <Choice
            checked={full}
            onChange={setFull}
            label="Full upgrade"
            note="Also what needs other packages to be installed or removed."
          />
        )}
      </div>
    </RunDialog>
  );
}
