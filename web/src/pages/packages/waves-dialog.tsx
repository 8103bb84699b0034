import { useState } from 'react';
import { api } from '../../api/client';
import type { FleetPackageNode, FleetUpgrade } from '../../api/packages';
import { displayName } from '../../lib/names';
import { TextField } from '../../ui/text-field';
import { Choice } from '../ssh/choice';
import { RunDialog } from '../ssh/run-dialog';
import { FleetPreview, useFleetPreview } from './fleet-preview';
import { plansOf, removes, sumOf } from './fleet-preview-words';
import { PLANS, parseSizes, WAVES_MAX } from './waves';

interface Props {
  nodes: readonly FleetPackageNode[];
  /** Only these; else all that waits. */
  packages?: readonly string[];
  /** Of all that waits what is for security. */
  security?: boolean;
  /** What stops it. */
  rules: readonly string[];
  onClose(): void;
}

function listed(names: readonly string[], max: number): string {
  const shown = names.slice(0, max).map((name) => displayName(name, 60));
  return names.length > max ? `${shown.join(', ')} and ${names.length - max} more` : shown.join(', ');
}

/** Many nodes, one wave after the other; shows what would happen on each, and what stops it. */
export function WavesDialog({ nodes, packages, security: asked = false, rules, onClose }: Props) {
  const [kind, setKind] = useState<'set' | 'full'>('set');
  const [security, setSecurity] = useState(asked);
  const [plan, setPlan] = useState(PLANS[0]!.id);
  const [own, setOwn] = useState('1, 5, 25%, rest');
  const count = nodes.length === 1 ? '1 node' : `${nodes.length} nodes`;
  const sizes = plan === 'own' ? parseSizes(own) : PLANS.find((one) => one.id === plan)!.sizes;
  const wish: FleetUpgrade | null = sizes && {
    nodes: nodes.map((node) => node.node),
    waves: [...sizes],
    ...(packages ? { packages: [...packages] } : {}),
    ...(security && !packages ? { security: true } : {}),
    ...(kind === 'full' && !packages && !security ? { full: true } : {}),
  };
  const preview = useFleetPreview(wish);
  const sum = sumOf(preview);
  const danger = removes(preview);
  const ready = [...preview.nodes.values()].some((node) => node.state === 'ready');
  return (
    <RunDialog
      title={
        packages
          ? `Upgrade ${packages.length === 1 ? '1 package' : `${packages.length} packages`} on ${count}`
          : `Upgrade ${count}`
      }
      submit={preview.done ? (ready ? 'Start' : 'Nothing to start') : 'Looking…'}
      wide
      danger={danger}
      held={!preview.done || !ready}
      start={() => api.upgradePackages({ ...wish!, plans: plansOf(preview) })}
      onClose={onClose}
    >
      {packages && <p className="text-text wrap-anywhere">{listed(packages, 12)}</p>}
      {!packages && (
        <div className="grid gap-3">
          <Choice
            checked={security}
            onChange={setSecurity}
            label="Only what is for security"
            note="Of all that waits on each node what its repositories mark so."
          />
          <Choice
            checked={kind === 'full' && !security}
            disabled={security}
            onChange={(full) => setKind(full ? 'full' : 'set')}
            label="Full upgrade"
            note={
              security
                ? 'Not together with security alone.'
                : 'Also what needs other packages to be installed or removed. Else each node as it is set.'
            }
          />
        </div>
      )}
      <fieldset className="grid gap-1.5">
        <legend className="text-sm text-dim">Waves</legend>
        <div className="flex flex-wrap gap-1.5">
          {PLANS.map((one) => (
            <button
              key={one.id}
              type="button"
              aria-pressed={plan === one.id}
              data-testid={`waves-${one.id}`}
              onClick={() => setPlan(one.id)}
              className={`h-7 rounded-md border px-2 text-xs transition pointer-coarse:h-9 ${
                plan === one.id
                  ? 'border-text bg-hover text-text'
                  : 'border-line-strong text-dim hover:bg-hover hover:text-text'
              }`}
            >
              {one.label}
            </button>
          ))}
        </div>
        {plan === 'own' && (
          <TextField
            label="Sizes"
            aside={`numbers, shares or “rest”; ${WAVES_MAX} at most`}
            testId="waves-sizes"
            value={own}
            onChange={setOwn}
          />
        )}
        {sizes === null && (
          <p role="alert" className="text-xs text-bad">
            A size is a number of nodes, 1% to 100%, or “rest”, with commas between.
          </p>
        )}
      </fieldset>
      {sum && (
        <p className="font-medium text-text" data-testid="waves-sum">
          {sum}
        </p>
      )}
      {wish && <FleetPreview preview={preview} />}
      <ul className="grid list-disc gap-0.5 pl-5 text-xs text-faint empty:hidden">
        {rules.map((rule) => (
          <li key={rule}>{displayName(rule, 200)}</li>
        ))}
      </ul>
    </RunDialog>
  );
}
