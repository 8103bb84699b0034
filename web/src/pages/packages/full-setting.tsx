import { useState } from 'react';
import { type ApiError, api, asApiError } from '../../api/client';
import type { NodePackages } from '../../api/packages';
import { displayName } from '../../lib/names';
import { Problem } from '../../ui/problem';
import { Choice } from '../ssh/choice';

/** Whether upgrades of this node are full ones, where nothing else is asked for. */
export function FullSetting({ facts, onChanged }: { facts: NodePackages; onChanged(): void }) {
  const [full, setFull] = useState(facts.full_upgrade === true);
  const [error, setError] = useState<ApiError | null>(null);
  if (!facts.actions.includes('full-upgrade')) return null;
  const advised = facts.full_upgrade_advised;
  async function change(next: boolean) {
    setFull(next);
    setError(null);
    try {
      await api.setFullUpgrade(facts.node, next);
      onChanged();
    } catch (cause) {
      setFull(!next);
      setError(asApiError(cause));
    }
  }
  return (
    <div className="grid gap-2" data-testid="full-setting">
      <Choice
        checked={full}
        onChange={(next) => void change(next)}
        label="Upgrades of this node are full ones"
        note={
          advised
            ? `The makers of ${displayName(advised, 60)} want full upgrades only: others may leave it half-way.`
            : 'Then waves too take along what needs other packages to be installed or removed.'
        }
      />
      {error && <Problem error={error} />}
    </div>
  );
}
