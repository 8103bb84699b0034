import ArrowUpFromLine from 'lucide-react/icons/arrow-up-from-line';
import Cable from 'lucide-react/icons/cable';
import ChevronRight from 'lucide-react/icons/chevron-right';
import Ellipsis from 'lucide-react/icons/ellipsis';
import Eye from 'lucide-react/icons/eye';
import EyeOff from 'lucide-react/icons/eye-off';
import KeyRound from 'lucide-react/icons/key-round';
import Pencil from 'lucide-react/icons/pencil';
import Power from 'lucide-react/icons/power';
import RefreshCw from 'lucide-react/icons/refresh-cw';
import Tags from 'lucide-react/icons/tags';
import Trash2 from 'lucide-react/icons/trash-2';
import { lazy, Suspense, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { reasonOf } from '../../lib/access';
import { displayName } from '../../lib/names';
import { dayAndClock } from '../../lib/time';
import { age, bytes, counted } from '../../lib/units';
import { fleetViewSearch, parseFleetView } from '../../lib/url-state';
import { useAccess } from '../../lib/use-access';
import { useWide } from '../../lib/wide';
import { type FleetNode, type ShownStatus, upgradeOf } from '../../live/fleet';
import { useFleet, useNodeJob } from '../../live/store';
import { StateIcon } from '../../ui/job-state';
import { Menu } from '../../ui/menu';
import { Name } from '../../ui/name';
import { StatusDot, statusText, statusWord } from '../../ui/status';
import { tagQuery } from '../fleet/query';
import { Tags as TagList } from '../fleet/tags';
import { LastFailure } from '../jobs/node-mark';
import { jobWords } from '../jobs/words';
import { DeleteDialog } from './delete-dialog';
import { EditDialog } from './edit-dialog';
import { RebootDialog } from './reboot-dialog';
import { RemoveDialog } from './remove-dialog';
import { SpiderDialog } from './spider-dialog';

const TokenDialog = lazy(() => import('./token-dialog'));
const ConnectionDialog = lazy(() => import('../ssh/connection-dialog'));

type Which =
  | 'name'
  | 'tags'
  | 'upgrade'
  | 'redeploy'
  | 'rotate'
  | 'token'
  | 'connection'
  | 'reboot'
  | 'remove'
  | 'delete';

interface Props {
  node: FleetNode;
  status: ShownStatus;
  now: number;
  skewMs: number;
}

function stateLine(node: FleetNode, status: ShownStatus, now: number, skewMs: number): string {
  const since = node.since_ms != null ? ` for ${age(now + skewMs - node.since_ms)}` : '';
  if (status === 'stale') return `No sample for ${age(now - (node.heardAt ?? now))}`;
  return `${statusWord(status)}${since}`;
}

/** Who this machine is, and in what state. */
export function Header({ node, status, now, skewMs }: Props) {
  const [, navigate] = useLocation();
  const [dialog, setDialog] = useState<Which | null>(null);
  const { version } = useFleet();
  const { on } = useAccess();
  const close = () => setDialog(null);
  const id = node.identity;
  const facts: [string, string | null | undefined][] = [
    ['System', id?.os],
    ['Kernel', [id?.kernel, id?.arch].filter(Boolean).join(', ')],
    ['Processor', [id?.cpu_model, id?.cores ? counted(id.cores, 'core') : null].filter(Boolean).join(', ')],
    ['Memory', id?.mem_total_bytes != null ? bytes(id.mem_total_bytes) : null],
    ['Board', id?.board],
    [
      'Runs in',
      [id?.virtualization, id?.container]
        .filter((part) => part && part !== 'none' && part !== 'unknown')
        .join(', '),
    ],
    ['Host name', id?.hostname && id.hostname !== node.name ? id.hostname : null],
    ['Address', node.address],
    ['Packages', id?.package_manager],
    ['Init', id?.init],
    [
      'Spider',
      node.spider_version
        ? `${node.spider_version}${node.interval_ms ? `, every ${node.interval_ms / 1000} s` : ''}`
        : null,
    ],
  ];
  const managed = node.managed === true;
  // What somebody has put there by hand is changed and taken away by hand.
  const installed = node.installed === true;
  const upgradable = upgradeOf(node, version);
  const item = (which: Which, label: string, Icon: typeof Pencil, danger = false) => ({
    label,
    icon: <Icon size={14} aria-hidden />,
    danger,
    onSelect: () => setDialog(which),
  });
  const operates = on('operate', node);
  const deploys = on('deploy', node);
  const administers = on('administer', node);
  const when = <T,>(may: boolean, ...some: T[]): T[] => (may ? some : []);
  const items = [
    ...when(
      deploys && upgradable && managed && installed,
      item('upgrade', `Upgrade the Spider to ${version}…`, ArrowUpFromLine),
    ),
    ...when(deploys && managed, item('redeploy', 'Deploy it anew…', RefreshCw)),
    ...when(
      deploys,
      managed && installed
        ? item('rotate', 'Rotate the token…', KeyRound)
        : item('token', 'A new token, by hand…', KeyRound),
    ),
    ...when(operates && managed, item('connection', 'Connection…', Cable), item('reboot', 'Reboot…', Power)),
    ...when(administers && !managed, item('connection', 'Connect over SSH…', Cable)),
    ...when(administers, item('name', 'Rename…', Pencil), item('tags', 'Edit tags…', Tags)),
    ...when(administers && managed && installed, item('remove', 'Remove…', Trash2, true)),
    ...when(
      administers,
      item('delete', installed ? 'Forget it here only…' : 'Delete…', installed ? EyeOff : Trash2, true),
    ),
  ];
  return (
    <header className="grid grid-cols-1 gap-3">
      <div className="flex items-center justify-between gap-3">
        <nav aria-label="Breadcrumb" className="flex min-w-0 items-center gap-1 text-xs text-faint">
          <Link href="/" className="rounded-sm hover:text-text">
            Fleet
          </Link>
          <ChevronRight size={12} aria-hidden />
          <span className="truncate">
            <Name text={node.name} />
          </span>
        </nav>
        {items.length > 0 ? (
          <Menu
            label="Actions"
            trigger={
              <>
                <Ellipsis size={16} aria-hidden />
                <span className="max-sm:sr-only">Actions</span>
              </>
            }
            items={items}
          />
        ) : (
          <span
            data-testid="view-only"
            title={reasonOf('operate')}
            className="flex h-8 items-center gap-1.5 text-xs text-faint"
          >
            <Eye size={14} aria-hidden />
            View only
          </span>
        )}
      </div>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <h1 className="min-w-0 max-w-full text-xl font-semibold wrap-anywhere" data-testid="node-name">
          <Name text={node.name} />
        </h1>
        <span
          data-testid="node-status"
          data-status={status}
          title={node.since_ms != null ? `Since ${dayAndClock(node.since_ms)}` : undefined}
          className={`flex items-center gap-2 text-sm whitespace-nowrap ${statusText(status)}`}
        >
          <StatusDot status={status} />
          {stateLine(node, status, now, skewMs)}
        </span>
        <span className="flex min-w-0 flex-wrap gap-1">
          <TagList
            tags={node.tags}
            onTag={(tag) => navigate(`/${fleetViewSearch({ ...parseFleetView(''), query: tagQuery(tag) })}`)}
          />
        </span>
      </div>
      <NowAtWork node={node} />
      <LastFailure node={node} />
      {node.reason && status !== 'online' && (
        <p className="text-sm text-dim wrap-anywhere">{displayName(node.reason, 300)}</p>
      )}
      <Facts facts={facts} />
      {(dialog === 'name' || dialog === 'tags') && <EditDialog node={node} what={dialog} onClose={close} />}
      {dialog === 'delete' && <DeleteDialog node={node} onClose={close} />}
      {dialog === 'reboot' && <RebootDialog node={node} onClose={close} />}
      {dialog === 'remove' && <RemoveDialog node={node} onClose={close} />}
      {(dialog === 'upgrade' || dialog === 'redeploy' || dialog === 'rotate') && (
        <SpiderDialog node={node} what={dialog} version={version} onClose={close} />
      )}
      <Suspense>
        {dialog === 'token' && <TokenDialog node={node} onClose={close} />}
        {dialog === 'connection' && <ConnectionDialog node={node} onClose={close} />}
      </Suspense>
    </header>
  );
}

/** The job that works on this node at the moment. */
function NowAtWork({ node }: { node: FleetNode }) {
  const job = useNodeJob(node.id);
  if (!job) return null;
  return (
    <Link
      href={`/jobs/${job.id}`}
      data-testid="node-job"
      className="flex w-fit max-w-full items-center gap-2 rounded-md border border-line bg-panel px-3 py-1.5 text-sm transition hover:bg-hover"
    >
      <StateIcon state={job.state} size={14} />
      <span className="truncate">{displayName(job.title, 120)}</span>
      <span className="truncate text-xs text-faint">{displayName(jobWords(job), 80)}</span>
    </Link>
  );
}

/** What the machine is: on a phone folded, since what it does comes first. */
function Facts({ facts }: { facts: readonly [string, string | null | undefined][] }) {
  const wide = useWide();
  const known = facts.filter(([, value]) => value);
  if (known.length === 0) return null;
  const list = (
    <dl className="flex flex-wrap gap-x-6 gap-y-2 text-xs">
      {known.map(([label, value]) => (
        <div key={label} className="min-w-0 max-w-full">
          <dt className="text-2xs text-faint">{label}</dt>
          <dd className="truncate text-dim" title={displayName(value!, 300)}>
            <Name text={value!} max={90} />
          </dd>
        </div>
      ))}
    </dl>
  );
  if (wide) return list;
  return (
    <details className="min-w-0 text-xs">
      <summary className="truncate py-1 text-dim">
        <Name text={[known[0]?.[1], known[1]?.[1]].filter(Boolean).join(' · ')} max={60} />
      </summary>
      <div className="pt-2">{list}</div>
    </details>
  );
}
