import Plus from 'lucide-react/icons/plus';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import type { AddWay } from '../ssh/ways';

/** The empty fleet: the two ways in, each with its button. */
export function FirstNode({ onAdd }: { onAdd(way: AddWay): void }) {
  return (
    <Empty title="No machines yet" line="The stars look very different today.">
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
      </div>
      <p className="text-sm text-faint">Either way its first numbers appear here within seconds.</p>
    </Empty>
  );
}
