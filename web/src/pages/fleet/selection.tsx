import ArrowUpFromLine from 'lucide-react/icons/arrow-up-from-line';
import Check from 'lucide-react/icons/check';
import X from 'lucide-react/icons/x';
import { type KeyboardEvent, lazy, type MouseEvent, Suspense, useMemo, useState } from 'react';
import { api } from '../../api/client';
import { useAccess } from '../../lib/use-access';
import { type FleetNode, upgradeOf } from '../../live/fleet';
import { useFleet } from '../../live/store';
import { Button, IconButton } from '../../ui/button';
import type { Row } from './rows';

const RunDialog = lazy(() => import('../ssh/run-dialog').then((module) => ({ default: module.RunDialog })));

/** While nodes are being chosen: which are, and how to change it. Null otherwise. */
export interface Selecting {
  chosen: ReadonlySet<number>;
  onToggle(id: number): void;
}

/** What makes of a link to a node a box to tick, while nodes are being chosen. */
export function choosing(chosen: boolean | null, toggle: () => void) {
  if (chosen === null) return {};
  return {
    role: 'checkbox',
    'aria-checked': chosen,
    onClick: (event: MouseEvent) => {
      event.preventDefault();
      toggle();
    },
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== ' ') return;
      event.preventDefault();
      toggle();
    },
  };
}

/** The box of a node while nodes are being chosen. */
export function SelectBox({ on }: { on: boolean }) {
  return (
    <span
      aria-hidden
      className={`grid size-4 shrink-0 place-items-center rounded-sm border ${
        on ? 'border-accent bg-accent text-accent-ink' : 'border-line-strong bg-field'
      }`}
    >
      {on && <Check size={12} strokeWidth={3.5} />}
    </span>
  );
}

interface Props {
  chosen: ReadonlySet<number>;
  rows: readonly Row[];
  onChoose(ids: ReadonlySet<number>): void;
  onClose(): void;
}

/** What can be done with the nodes that are chosen. */
export function SelectionBar({ chosen, rows, onChoose, onClose }: Props) {
  const { nodes, version } = useFleet();
  const [asking, setAsking] = useState(false);
  const { on } = useAccess();
  const outdated = useMemo(() => {
    const found: FleetNode[] = [];
    for (const id of chosen) {
      const node = nodes?.get(id);
      if (!node?.managed || !node.installed || !upgradeOf(node, version)) continue;
      if (on('deploy', node)) found.push(node);
    }
    return found;
  }, [chosen, nodes, version, on]);
  const left = chosen.size - outdated.length;
  const count = outdated.length === 1 ? '1 Spider' : `${outdated.length} Spiders`;
  return (
    <div className="sticky bottom-16 z-30 mt-4 md:bottom-4">
      <div
        role="toolbar"
        aria-label="Chosen nodes"
        data-testid="selection"
        className="mx-auto flex w-fit max-w-full flex-wrap items-center gap-2 rounded-lg border border-line-strong bg-raised px-3 py-2 shadow-[0_8px_24px_rgb(0_0_0/0.25)]"
      >
        <span className="text-sm font-semibold" aria-live="polite">
          {chosen.size} chosen
        </span>
        <Button
          small
          look="quiet"
          data-testid="select-all"
          onClick={() => onChoose(new Set(rows.map((row) => row.node.id)))}
        >
          All {rows.length}
        </Button>
        <Button
          small
          look="primary"
          data-testid="upgrade-chosen"
          disabled={outdated.length === 0}
          title={
            outdated.length === 0 ? 'None of them has an older Spider that you may upgrade over SSH' : ''
          }
          onClick={() => setAsking(true)}
        >
          <ArrowUpFromLine size={13} aria-hidden />
          {outdated.length === 0 ? 'Upgrade Spiders' : `Upgrade ${count}`}
        </Button>
        <IconButton label="Stop choosing" onClick={onClose}>
          <X size={16} aria-hidden />
        </IconButton>
      </div>
      <Suspense>
        {asking && (
          <RunDialog
            title={`Upgrade ${count}`}
            submit={`Upgrade to ${version}`}
            start={() => api.upgradeMany(outdated.map((node) => node.id))}
            onClose={() => setAsking(false)}
          >
            <p>
              {outdated.length === 1
                ? 'It'
                : 'First one of them, then a quarter of the others, then the rest: each'}{' '}
              goes to version {version}, and has to connect within a minute, else the machine itself puts the
              old Spider back. The first one that fails stops all that come after it.
            </p>
            {left > 0 && (
              <p>
                {left === 1 ? 'One chosen node is' : `${left} chosen nodes are`} left out: up to date already,
                not known over SSH, or not yours to upgrade.
              </p>
            )}
          </RunDialog>
        )}
      </Suspense>
    </div>
  );
}
