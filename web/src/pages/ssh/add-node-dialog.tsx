import { lazy, Suspense, useState } from 'react';
import { useAccess } from '../../lib/use-access';
import { Dialog } from '../../ui/dialog';
import { Segmented } from '../../ui/segmented';
import { ByHand } from './by-hand';
import { OverSsh } from './over-ssh';
import type { AddWay } from './ways';

const WAYS = [
  { id: 'ssh', label: 'Over SSH' },
  { id: 'list', label: 'A list' },
  { id: 'hand', label: 'By hand' },
] as const;

const WORDS = {
  ssh: 'Ground Control logs in, looks, installs the Spider and sees to it that it reports.',
  list: 'Many hosts at once, with the same credentials: looked at, confirmed, deployed.',
  hand: 'You start the Spider yourself, with a token of its own. Nothing is done over SSH.',
} as const;

const ImportList = lazy(() => import('./import-list').then((module) => ({ default: module.ImportList })));

/** A machine into the fleet: Ground Control goes there over SSH, or someone pastes a command. */
export default function AddNodeDialog({ way: first, onClose }: { way: AddWay; onClose(): void }) {
  const [way, setWay] = useState<AddWay>(first);
  const [sticky, setSticky] = useState(false);
  const [token, setToken] = useState(false);
  // A node that nobody deploys to is added by admins alone.
  const hand = useAccess().somewhere('administer');
  const byHand = () => {
    setSticky(false);
    setWay('hand');
  };
  return (
    <Dialog
      title="Add a node"
      onClose={onClose}
      sticky={sticky}
      loses={token ? 'The token is shown only now. Have you copied the command?' : null}
      wide
    >
      {!sticky && (
        <div className="mb-5 flex flex-wrap items-center gap-x-4 gap-y-2">
          <Segmented
            legend="How"
            choices={hand ? WAYS : WAYS.filter((one) => one.id !== 'hand')}
            value={way}
            testId="add-way"
            onChange={(next) => setWay(next)}
          />
          <p className="min-w-0 flex-1 basis-56 text-xs text-faint">{WORDS[way]}</p>
        </div>
      )}
      {way === 'ssh' && <OverSsh onSticky={setSticky} onByHand={hand ? byHand : null} onClose={onClose} />}
      {way === 'list' && (
        <Suspense>
          <ImportList onSticky={setSticky} onClose={onClose} />
        </Suspense>
      )}
      {way === 'hand' && (
        <ByHand
          onAdded={() => {
            setSticky(true);
            setToken(true);
          }}
          onOnline={() => setToken(false)}
          onClose={onClose}
        />
      )}
    </Dialog>
  );
}
