import { lazy, Suspense, useState } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { api } from '../../api/client';
import type { PackageAction, PreviewAction } from '../../api/packages';
import { reasonOf } from '../../lib/access';
import { displayName } from '../../lib/names';
import { age, bytes } from '../../lib/units';
import { useAccess } from '../../lib/use-access';
import { useLoaded } from '../../lib/use-loaded';
import type { FleetNode } from '../../live/fleet';
import { useFleet, useKnownNow, useNodeJob } from '../../live/store';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import { Problem } from '../../ui/problem';
import { Segmented } from '../../ui/segmented';
import { RebootDialog } from '../node/reboot-dialog';
import { RunDialog } from '../ssh/run-dialog';
import { useAsking } from './asking';
import { DetailsDialog } from './details-dialog';
import { Find } from './find';
import { FullSetting } from './full-setting';
import { Installed } from './installed';
import { Notices } from './notices';
import PreviewDialog from './preview-dialog';
import { Upgrades } from './upgrades';
import { useFinishedJobs } from './use-finished';

const ConnectionDialog = lazy(() => import('../ssh/connection-dialog'));

type Open =
  | { what: 'preview'; action: PreviewAction; packages?: readonly string[]; security?: boolean }
  | {
      what: 'simple';
      action: PackageAction;
      packages?: readonly string[];
      repair?: string;
      title: string;
      words: string;
    }
  | { what: 'details'; name: string }
  | { what: 'reboot' };

const PARTS = [
  { id: 'upgrades', label: 'Upgrades' },
  { id: 'installed', label: 'Installed' },
  { id: 'find', label: 'Find' },
] as const;

/** The packages of one node: what waits, what is there, what could be. */
export default function PackagesTab({ node }: { node: FleetNode }) {
  const finished = useFinishedJobs(node.id);
  const { data, error, reload } = useLoaded(finished, (signal) => api.packages(node.id, signal));
  const searchText = useSearch();
  const [, navigate] = useLocation();
  const asked = new URLSearchParams(searchText).get('part');
  const { on } = useAccess();
  const operates = on('operate', node);
  // The other parts ask the node itself, which takes more than to look.
  const parts = operates ? PARTS : PARTS.slice(0, 1);
  const part = parts.find((one) => one.id === asked)?.id ?? 'upgrades';
  const [open, setOpen] = useState<Open | null>(null);
  const [connecting, setConnecting] = useState(false);
  const { skewMs } = useFleet();
  const now = useKnownNow(10_000) + skewMs;
  const job = useNodeJob(node.id);
  const close = () => setOpen(null);
  const asking = useAsking(node.name);

  if (!node.managed) {
    return (
      <Empty title="Not connected over SSH" line="Your circuit’s dead, there’s something wrong?">
        <p className="max-w-110 text-sm text-dim">
          The Spider only watches. For its packages Ground Control has to log in:{' '}
          {on('administer', node) ? 'tell it how, once.' : 'an admin of the node can tell it how, once.'}
        </p>
        {on('administer', node) && (
          <Button look="primary" data-testid="packages-connect" onClick={() => setConnecting(true)}>
            Connect over SSH…
          </Button>
        )}
        <Suspense>
          {connecting && <ConnectionDialog node={node} onClose={() => setConnecting(false)} />}
        </Suspense>
      </Empty>
    );
  }
  if (!data) {
    return error ? (
      <Problem error={error} onRetry={reload} />
    ) : (
      <p className="late py-8 text-center text-sm text-faint">Looking at the packages…</p>
    );
  }
  // What the manager can do is offered to whoever may have it done.
  const facts = operates ? data : { ...data, actions: [], repair: [] };
  const can = (action: string) => facts.actions.includes(action);
  const refresh = () =>
    setOpen({
      what: 'simple',
      action: 'refresh',
      title: 'Refresh the index',
      words: 'The list of packages is fetched anew from the repositories. Nothing is installed or removed.',
    });
  const preview = (action: PreviewAction, packages?: readonly string[], security?: boolean) =>
    setOpen({ what: 'preview', action, packages, security });
  const repair = (what: string, title: string) =>
    setOpen({
      what: 'simple',
      action: 'repair',
      repair: what,
      title,
      words: 'What was left half-way is finished with the manager’s own means; its output is shown.',
    });
  const details = (name: string) => setOpen({ what: 'details', name });

  return (
    <div className="grid grid-cols-1 gap-4" data-testid="packages">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        {parts.length > 1 && (
          <Segmented
            legend="Show"
            choices={parts}
            value={part}
            testId="part"
            onChange={(next) =>
              navigate(`/nodes/${node.id}/packages${next === 'upgrades' ? '' : `?part=${next}`}`, {
                replace: true,
              })
            }
          />
        )}
        <p className="text-xs text-faint">
          {facts.manager && displayName(`${facts.manager} ${facts.manager_version ?? ''}`, 40)}
          {facts.as_of_ms !== null && `, as of ${age(now - facts.as_of_ms)} ago`}
          {facts.space
            .filter((place) => place.path === '/' || place.free_bytes < place.total_bytes / 10)
            .map((place) => `, ${bytes(place.free_bytes)} free on ${displayName(place.path, 30)}`)}
        </p>
        <span className="ml-auto flex gap-2">
          {can('clean') && (
            <Button
              small
              look="quiet"
              onClick={() =>
                setOpen({
                  what: 'simple',
                  action: 'clean',
                  title: 'Clean the cache',
                  words: 'Packages that were downloaded and installed are deleted from the cache.',
                })
              }
            >
              Clean the cache…
            </Button>
          )}
          <Button
            small
            data-testid="refresh"
            disabled={!operates}
            title={operates ? undefined : reasonOf('operate')}
            onClick={refresh}
          >
            Refresh
          </Button>
        </span>
      </div>
      {job && (
        <p className="text-sm text-dim" data-testid="at-work">
          <Link href={`/jobs/${job.id}`} className="text-text underline underline-offset-2">
            {displayName(job.title, 100)}
          </Link>{' '}
          {job.state === 'running' ? 'is under way' : 'waits'}. What is started now waits for its end.
        </p>
      )}
      {part === 'upgrades' && (
        <Notices
          facts={facts}
          onReboot={operates ? () => setOpen({ what: 'reboot' }) : null}
          onRepair={repair}
        />
      )}
      {facts.as_of_ms === null ? (
        <Empty title="Nobody has looked yet" line="Commencing countdown, engines on.">
          {operates && (
            <Button look="primary" onClick={refresh}>
              Look now
            </Button>
          )}
        </Empty>
      ) : (
        <>
          {part === 'upgrades' && (
            <Upgrades
              facts={facts}
              onPreview={preview}
              onDetails={operates ? details : null}
              onHold={(action, packages) =>
                setOpen({
                  what: 'simple',
                  action,
                  packages,
                  title: action === 'hold' ? 'Hold back' : 'Let go',
                  words:
                    action === 'hold'
                      ? `Upgrades leave out ${packages.join(', ')} until it is let go.`
                      : `Upgrades take ${packages.join(', ')} along again.`,
                })
              }
            />
          )}
          {part === 'upgrades' && (facts.full_upgrade_advised || facts.upgradable.length > 0) && (
            <FullSetting facts={facts} onChanged={reload} />
          )}
          {part === 'installed' && (
            <Installed facts={facts} ask={asking.ask} onPreview={preview} onDetails={details} />
          )}
          {part === 'find' && <Find facts={facts} ask={asking.ask} onPreview={preview} onDetails={details} />}
        </>
      )}
      {open?.what === 'preview' && (
        <PreviewDialog
          node={node}
          action={open.action}
          packages={open.packages}
          security={open.security}
          given={asking.given()}
          onGiven={asking.keep}
          onRepair={(offer) => repair(offer.what, offer.title)}
          onClose={close}
        />
      )}
      {open?.what === 'simple' && (
        <RunDialog
          title={`${displayName(open.title, 80)}: ${displayName(node.name, 40)}`}
          submit="Go on"
          start={(secrets) =>
            api.packageJob(node.id, open.action, {
              ...asking.given(),
              ...secrets,
              ...(open.packages ? { packages: open.packages } : {}),
              ...(open.repair ? { what: open.repair } : {}),
            })
          }
          onClose={close}
        >
          <p className="wrap-anywhere">{displayName(open.words, 600)}</p>
        </RunDialog>
      )}
      {open?.what === 'details' && (
        <DetailsDialog node={node} name={open.name} ask={asking.ask} onClose={close} />
      )}
      {open?.what === 'reboot' && <RebootDialog node={node} onClose={close} />}
      {asking.dialog}
    </div>
  );
}
