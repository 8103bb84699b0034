import type { ReactNode } from 'react';
import type { NodePackages } from '../../api/packages';
import { displayName } from '../../lib/names';
import { Button } from '../../ui/button';

interface Props {
  facts: NodePackages;
  onRepair(what: string, title: string): void;
  /** Null: whoever looks may not have it done. */
  onReboot: (() => void) | null;
}

function Notice({
  tone,
  children,
  action,
}: {
  tone: 'bad' | 'warn' | 'calm';
  children: ReactNode;
  action?: ReactNode;
}) {
  const border = tone === 'bad' ? 'border-bad/45' : tone === 'warn' ? 'border-warn/45' : 'border-line';
  return (
    <div
      className={`flex flex-wrap items-center gap-x-4 gap-y-2 rounded-md border bg-panel px-3 py-2 text-sm ${border}`}
    >
      <div className="min-w-0 flex-1 basis-60">{children}</div>
      {action}
    </div>
  );
}

function names(list: readonly string[], max = 12): string {
  const shown = list.slice(0, max).map((name) => displayName(name, 80));
  return list.length > max ? `${shown.join(', ')} and ${list.length - max} more` : shown.join(', ');
}

/** What a person should know before anything else: broken, locked, to be restarted, to be merged. */
export function Notices({ facts, onRepair, onReboot }: Props) {
  const { error, lock, reboot_required: reboot } = facts;
  return (
    <div className="grid gap-2 empty:hidden">
      {error && (
        <Notice tone="bad">
          <p className="font-medium wrap-anywhere">The last look failed: {displayName(error.message, 300)}</p>
          {error.hint && <p className="text-dim wrap-anywhere">{displayName(error.hint, 300)}</p>}
        </Notice>
      )}
      {facts.repair.map((offer) => (
        <Notice
          key={offer.what}
          tone="warn"
          action={
            <Button
              small
              data-testid={`repair-${offer.what}`}
              onClick={() => onRepair(offer.what, offer.title)}
            >
              Repair…
            </Button>
          }
        >
          <p className="font-medium">{displayName(offer.title, 160)}</p>
          {offer.detail && <p className="text-dim wrap-anywhere">{displayName(offer.detail, 400)}</p>}
        </Notice>
      ))}
      {lock && (
        <Notice tone="calm">
          <p className="text-dim">
            {lock.process ? displayName(lock.process, 60) : 'Another program'}
            {lock.pid ? ` (pid ${lock.pid})` : ''} was using the package manager. A job waits for it, with a
            limit.
          </p>
        </Notice>
      )}
      {reboot.required && (
        <Notice
          tone="warn"
          action={
            onReboot && (
              <Button small data-testid="reboot" onClick={onReboot}>
                Reboot…
              </Button>
            )
          }
        >
          <p className="font-medium">A reboot is needed</p>
          {reboot.reasons.length > 0 && <p className="text-dim wrap-anywhere">{names(reboot.reasons)}</p>}
        </Notice>
      )}
      {facts.services.length > 0 && (
        <Notice tone="calm">
          <p className="text-dim wrap-anywhere">
            Still running on libraries that were replaced: {names(facts.services)}
          </p>
        </Notice>
      )}
      {facts.leftovers.length > 0 && (
        <Notice tone="calm">
          <p className="text-dim">Settings that wait to be merged by a person:</p>
          <p className="font-mono text-xs text-dim wrap-anywhere">{names(facts.leftovers)}</p>
        </Notice>
      )}
    </div>
  );
}
