import Plus from 'lucide-react/icons/plus';
import { grantWords, mayEverywhere, maySomewhere, type Principal } from '../../lib/access';
import { displayName } from '../../lib/names';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import type { AddWay } from '../ssh/ways';

/** The empty fleet: the two ways in, each with its button. */
export function FirstNode({ who, onAdd }: { who: Principal; onAdd(way: AddWay): void }) {
  if (!maySomewhere(who, 'deploy')) return <NothingToSee who={who} />;
  return (
    <Empty
      title={mayEverywhere(who, 'view') ? 'No machines yet' : 'No machines of yours yet'}
      line="The stars look very different today."
    >
      <div className="mt-2 grid w-full max-w-180 grid-cols-1 gap-3 text-left sm:grid-cols-2">
        <section aria-label="Over SSH" className="panel flex flex-col gap-2 p-4">
          <h3 className="text-base font-semibold">Over SSH</h3>
          <p className="text-sm text-dim">
            You give a host and how to log in. Ground Control looks at the machine, shows its key to confirm,
            installs the Spider and sees to it that it reports. Packages and reboots work from here too.
          </p>
          <Button look="primary" data-testid="first-ssh" onClick={() => onAdd('ssh')} className="mt-auto">
            <Plus size={15} strokeWidth={2.5} aria-hidden />
            Add the first node
          </Button>
        </section>
        {maySomewhere(who, 'administer') && (
          <section aria-label="By hand" className="panel flex flex-col gap-2 p-4">
            <h3 className="text-base font-semibold">By hand</h3>
            <p className="text-sm text-dim">
              You give the machine a name and get commands to paste on it: they fetch the Spider from here,
              check it, and start it as a service. Nobody logs in.
            </p>
            <Button data-testid="first-hand" onClick={() => onAdd('hand')} className="mt-auto">
              Get the commands
            </Button>
          </section>
        )}
      </div>
      <p className="text-sm text-faint">Either way its first numbers appear here within seconds.</p>
    </Empty>
  );
}

/** Whoever may add none is told why there are none. */
function NothingToSee({ who }: { who: Principal }) {
  const all = mayEverywhere(who, 'view');
  return (
    <Empty
      title={all ? 'No machines yet' : 'No machines that you may see'}
      line="Can you hear me, Major Tom?"
    >
      <p className="max-w-110 text-sm text-dim wrap-anywhere" data-testid="nothing-to-see">
        {all
          ? 'An admin, or somebody with the right deploy, can add them.'
          : who.grants.length === 0
            ? 'You have no role at present. An admin can give you one.'
            : `You are ${displayName(who.grants.map(grantWords).join('; '), 300)}, and no node has such a tag.`}
      </p>
    </Empty>
  );
}
