import { useMemo, useState } from 'react';
import type { NodePackages, PreviewAction } from '../../api/packages';
import { displayName } from '../../lib/names';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import { QuietBadge, SecurityBadge } from './badges';
import { orderUpgrades, spec } from './order';
import { Versions } from './preview-dialog';

interface Props {
  facts: NodePackages;
  onPreview(action: PreviewAction, packages?: readonly string[], security?: boolean): void;
  onHold(action: 'hold' | 'unhold', packages: readonly string[]): void;
  /** Null: whoever looks may not ask the node. */
  onDetails: ((name: string) => void) | null;
}

/** What could be upgraded, security first; all of it, or what is ticked. */
export function Upgrades({ facts, onPreview, onHold, onDetails }: Props) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const list = useMemo(() => orderUpgrades(facts.upgradable), [facts.upgradable]);
  const full = facts.full_upgrade === true && facts.actions.includes('full-upgrade');
  const can = (action: string) => facts.actions.includes(action);
  const named = list.map((one) => ({ ...one, spec: spec(one, facts.upgradable, facts.manager) }));
  const picked = named.filter((one) => chosen.has(one.spec)).map((one) => one.spec);
  const security = named.filter((one) => one.security && !one.held).map((one) => one.spec);
  const selectable = can('upgrade-selected') || can('hold');

  const onHoldAlone = can('unhold')
    ? facts.held.filter((name) => !named.some((one) => one.held && (one.name === name || one.spec === name)))
    : [];
  const heldAlone = onHoldAlone.length > 0 && (
    <div className="flex flex-wrap items-center gap-2 text-sm text-dim" data-testid="held-alone">
      Held back, with nothing newer to hold it from:
      {onHoldAlone.map((name) => (
        <Button key={name} small look="quiet" onClick={() => onHold('unhold', [name])}>
          Let {displayName(name, 60)} go
        </Button>
      ))}
    </div>
  );
  if (list.length === 0) {
    return (
      <>
        <Empty title="Everything is up to date" line="I’m happy, hope you’re happy too.">
          {facts.manager === 'apk' || facts.manager === 'opkg' ? null : (
            <p className="text-sm text-dim">As of the last look; refreshing asks the repositories anew.</p>
          )}
        </Empty>
        {heldAlone}
      </>
    );
  }
  const toggle = (name: string) =>
    setChosen((before) => {
      const next = new Set(before);
      if (!next.delete(name)) next.add(name);
      return next;
    });
  return (
    <div className="grid grid-cols-1 gap-3">
      <div className="flex flex-wrap items-center gap-2">
        {selectable && picked.length > 0 ? (
          <>
            <span className="mr-auto text-sm font-semibold" aria-live="polite">
              {picked.length} chosen
            </span>
            <Button small look="quiet" onClick={() => setChosen(new Set())}>
              None
            </Button>
            {can('hold') && (
              <Button small data-testid="hold" onClick={() => onHold('hold', picked)}>
                Hold
              </Button>
            )}
            {can('upgrade-selected') && (
              <Button
                small
                look="primary"
                data-testid="upgrade-selected"
                onClick={() => onPreview('upgrade', picked)}
              >
                Upgrade {picked.length}…
              </Button>
            )}
          </>
        ) : (
          <>
            <span className="mr-auto text-sm text-dim">
              {list.length} {list.length === 1 ? 'upgrade' : 'upgrades'}
              {security.length > 0 ? `, ${security.length} for security` : ''}
            </span>
            {can('upgrade') && security.length > 0 && security.length < list.length && (
              <Button
                small
                data-testid="upgrade-security"
                onClick={() => onPreview('upgrade', undefined, true)}
              >
                Security alone…
              </Button>
            )}
            {can('full-upgrade') && (
              <Button
                small
                look={full ? 'primary' : 'plain'}
                data-testid="full-upgrade"
                onClick={() => onPreview('full-upgrade')}
              >
                Full upgrade…
              </Button>
            )}
            {can('upgrade') && (
              <Button
                small
                look={full ? 'plain' : 'primary'}
                data-testid="upgrade-all"
                onClick={() => onPreview('upgrade')}
              >
                {full ? 'What needs no others…' : 'Upgrade all…'}
              </Button>
            )}
          </>
        )}
      </div>
      <ul className="panel divide-y divide-line" data-testid="upgradable">
        {named.map((one) => (
          <li
            key={`${one.name}:${one.arch}`}
            data-package={one.name}
            className="flex items-start gap-3 px-4 py-2 transition-colors hover:bg-hover"
          >
            {selectable && (
              <input
                type="checkbox"
                aria-label={`Choose ${displayName(one.name, 80)}`}
                className="mt-0.5"
                disabled={one.held && !can('hold')}
                checked={chosen.has(one.spec)}
                onChange={() => toggle(one.spec)}
              />
            )}
            <div className="flex min-w-0 flex-1 flex-wrap items-center gap-x-3 gap-y-0.5">
              <button
                type="button"
                disabled={!onDetails}
                onClick={() => onDetails?.(one.name)}
                className={`min-w-0 rounded-sm text-left text-sm wrap-anywhere enabled:hover:underline ${one.held ? 'text-dim' : 'font-medium'}`}
              >
                {displayName(one.name, 120)}
              </button>
              {one.security && <SecurityBadge />}
              {one.full_only && !one.held && (
                <QuietBadge title="Other packages have to come or go for it">Full upgrade only</QuietBadge>
              )}
              {one.held && <QuietBadge>Held</QuietBadge>}
              {one.held && can('unhold') && (
                <Button small look="quiet" onClick={() => onHold('unhold', [one.spec])}>
                  Let it go
                </Button>
              )}
              {one.repo && (
                <span className="truncate text-xs text-faint max-md:hidden">{displayName(one.repo, 60)}</span>
              )}
              <Versions from={one.installed} to={one.new} />
            </div>
          </li>
        ))}
      </ul>
      {heldAlone}
    </div>
  );
}
