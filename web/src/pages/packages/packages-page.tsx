import RefreshCw from 'lucide-react/icons/refresh-cw';
import Search from 'lucide-react/icons/search';
import { useMemo, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { type ApiError, api, asApiError } from '../../api/client';
import { useAccess } from '../../lib/use-access';
import { useLoaded } from '../../lib/use-loaded';
import { live, useFleet, useKnownNow } from '../../live/store';
import { useTitle } from '../../live/title';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import { Problem } from '../../ui/problem';
import { Segmented } from '../../ui/segmented';
import { NodeRow, PackageRow } from './fleet-rows';
import { orderNodes, orderPackages, type PackagesView, packagesViewSearch, parsePackagesView } from './order';
import { useFinishedJobs } from './use-finished';
import { WavesDialog } from './waves-dialog';

const BY = [
  { id: 'node', label: 'By node' },
  { id: 'package', label: 'By package' },
] as const;

/** What waits to be upgraded across the fleet, and the way to do it in waves. */
export default function PackagesPage() {
  const searchText = useSearch();
  const [, navigate] = useLocation();
  const view = useMemo(() => parsePackagesView(searchText), [searchText]);
  const finished = useFinishedJobs(null);
  const { data, error, reload } = useLoaded(finished, (signal) => api.fleetPackages(signal));
  const { skewMs, nodes: fleet } = useFleet();
  const access = useAccess();
  const operates = access.somewhere('operate');
  const mayWork = (id: number) => {
    const node = fleet?.get(id);
    return node !== undefined && access.on('operate', node);
  };
  const now = useKnownNow(10_000) + skewMs;
  const [nodes, setNodes] = useState<ReadonlySet<number>>(new Set());
  const [names, setNames] = useState<ReadonlySet<string>>(new Set());
  const [running, setRunning] = useState<'all' | 'security' | null>(null);
  const [looking, setLooking] = useState(false);
  const [refused, setRefused] = useState<ApiError | null>(null);
  useTitle('Packages');

  const change = (part: Partial<PackagesView>) =>
    navigate(`/packages${packagesViewSearch({ ...view, ...part })}`, { replace: true });

  const shown = useMemo(() => {
    if (!data) return null;
    const query = view.query.trim().toLowerCase();
    const fits = (name: string) => name.toLowerCase().includes(query);
    return {
      nodes: orderNodes(data.nodes).filter(
        (node) =>
          fits(node.name) &&
          (view.only === 'all' ||
            (view.only === 'reboot' ? node.reboot_required === true : (node.security ?? 0) > 0)),
      ),
      packages: orderPackages(data.packages).filter(
        (one) => fits(one.name) && (view.only !== 'security' || one.security === true),
      ),
    };
  }, [data, view.query, view.only]);

  if (!data || !shown) {
    return (
      <div className="mx-auto max-w-280 px-3 py-4 sm:px-6 sm:py-5">
        <h1 className="mb-4 text-xl font-semibold">Packages</h1>
        {error ? (
          <Problem error={error} onRetry={reload} />
        ) : (
          <p className="late py-12 text-center text-sm text-faint">Looking at the packages…</p>
        )}
      </div>
    );
  }

  const byPackage = view.by === 'package';
  const picked = byPackage
    ? [
        ...new Set(
          data.packages
            .filter((one) => names.has(one.name))
            .flatMap((one) => one.nodes.filter((on) => !on.held && mayWork(on.node)).map((on) => on.node)),
        ),
      ]
    : data.nodes
        .filter((node) => nodes.has(node.node) && node.upgradable > 0 && mayWork(node.node))
        .map((node) => node.node);
  const number = byPackage ? names.size : nodes.size;
  const toggle = <T,>(set: ReadonlySet<T>, item: T): ReadonlySet<T> => {
    const next = new Set(set);
    if (!next.delete(item)) next.add(item);
    return next;
  };
  const selectAll = () => {
    if (byPackage) setNames(new Set(shown.packages.map((one) => one.name)));
    else
      setNodes(
        new Set(
          shown.nodes.filter((node) => node.upgradable > 0 && mayWork(node.node)).map((node) => node.node),
        ),
      );
  };
  const clear = () => {
    setNodes(new Set());
    setNames(new Set());
  };
  const { counts } = data;
  const urgent = byPackage
    ? []
    : data.nodes.filter((node) => nodes.has(node.node) && (node.security ?? 0) > 0).map((node) => node.node);
  const nodesOf = (number: number) => (number === 1 ? '1 node' : `${number} nodes`);
  async function lookAtAll() {
    setLooking(true);
    setRefused(null);
    try {
      const { job } = await api.lookAtPackages();
      live.putJob(job);
      navigate(`/jobs/${job.id}`);
    } catch (cause) {
      setRefused(asApiError(cause));
      setLooking(false);
    }
  }
  const cells = [
    {
      only: 'all',
      label: 'Upgrades',
      number: counts.upgrades,
      note: `packages, on ${counts.upgradable_nodes} of ${nodesOf(counts.nodes)}`,
      tone: '',
    },
    {
      only: 'security',
      label: 'Security',
      number: counts.security,
      note: `packages, on ${nodesOf(counts.security_nodes)}`,
      tone: 'text-bad',
    },
    {
      only: 'reboot',
      label: 'Reboot',
      number: counts.reboot,
      note: counts.reboot === 1 ? 'node needs one' : 'nodes need one',
      tone: 'text-warn',
    },
  ] as const;

  return (
    <div
      className="mx-auto grid max-w-280 grid-cols-1 gap-4 px-3 py-4 sm:px-6 sm:py-5"
      data-testid="fleet-packages"
    >
      <div className="flex flex-wrap items-center gap-2">
        <h1 className="mr-auto text-xl font-semibold">Packages</h1>
        <label className="relative order-last w-full sm:order-none sm:w-60">
          <span className="sr-only">Search</span>
          <Search
            size={15}
            aria-hidden
            className="pointer-events-none absolute top-1/2 left-2.5 -translate-y-1/2 text-faint"
          />
          <input
            type="search"
            className="field h-8 pl-8 text-sm pointer-coarse:h-10"
            placeholder={byPackage ? 'Package' : 'Node'}
            value={view.query}
            onChange={(event) => change({ query: event.target.value })}
          />
        </label>
        {operates && (
          <Button
            data-testid="look-at-all"
            disabled={looking}
            title="Asks the repositories anew on all nodes that can be reached; nothing is installed"
            onClick={() => void lookAtAll()}
          >
            <RefreshCw size={14} aria-hidden />
            Look at all
          </Button>
        )}
        <Segmented
          legend="Group"
          choices={BY}
          value={view.by}
          testId="by"
          onChange={(by) =>
            change({ by, query: '', only: by === 'package' && view.only === 'reboot' ? 'all' : view.only })
          }
        />
      </div>
      {error && <Problem error={error} onRetry={reload} />}
      {refused && <Problem error={refused} onRetry={() => void lookAtAll()} />}
      <fieldset className="panel grid grid-cols-3 overflow-hidden">
        <legend className="sr-only">Show</legend>
        {cells.map((cell) => {
          const on = view.only === cell.only;
          return (
            <button
              key={cell.only}
              type="button"
              aria-pressed={on}
              data-testid={`only-${cell.only}`}
              disabled={byPackage && cell.only === 'reboot'}
              onClick={() => change({ only: on ? 'all' : cell.only })}
              className={`relative grid min-w-0 gap-0.5 border-line px-3 py-2.5 text-left transition not-first:border-l enabled:hover:bg-hover focus-visible:-outline-offset-2 sm:px-4 ${on ? 'bg-hover' : ''}`}
            >
              <span className={`text-xl font-semibold ${cell.number > 0 ? cell.tone : 'text-faint'}`}>
                {cell.number}
              </span>
              <span className="text-xs text-dim">
                {cell.label}
                <span className="block text-2xs">{cell.note}</span>
              </span>
              {on && <span aria-hidden className="absolute inset-x-0 bottom-0 h-0.5 bg-dim" />}
            </button>
          );
        })}
      </fieldset>
      {byPackage ? (
        shown.packages.length === 0 ? (
          <Nothing filtered={view.only !== 'all' || view.query !== ''} />
        ) : (
          <ul className="panel divide-y divide-line" aria-label="Packages to upgrade">
            {shown.packages.map((one) => (
              <PackageRow
                key={one.name}
                one={one}
                nodes={data.nodes}
                may={one.nodes.some((on) => mayWork(on.node))}
                chosen={names.has(one.name)}
                onToggle={() => setNames(toggle(names, one.name))}
              />
            ))}
          </ul>
        )
      ) : shown.nodes.length === 0 ? (
        <Nothing filtered={view.only !== 'all' || view.query !== ''} />
      ) : (
        <ul className="panel divide-y divide-line" aria-label="Nodes">
          {shown.nodes.map((node) => (
            <NodeRow
              key={node.node}
              node={node}
              now={now}
              may={mayWork(node.node)}
              chosen={nodes.has(node.node)}
              onToggle={() => setNodes(toggle(nodes, node.node))}
            />
          ))}
        </ul>
      )}
      {byPackage && data.more && (
        <p className="text-center text-xs text-faint">The thousand that most nodes wait for are shown.</p>
      )}
      {/* Where nothing waits there is nothing to choose. */}
      {operates && (shown.packages.length > 0 || shown.nodes.some((node) => node.upgradable > 0)) && (
        <div className="sticky bottom-16 z-30 md:bottom-4">
          <div
            role="toolbar"
            aria-label="What is chosen"
            data-testid="packages-selection"
            className="mx-auto flex w-fit max-w-full flex-wrap items-center gap-2 rounded-lg border border-line-strong bg-raised px-3 py-2 shadow-[0_8px_24px_rgb(0_0_0/0.25)]"
          >
            <span className="text-sm text-dim" aria-live="polite">
              {number === 0
                ? `Choose ${byPackage ? 'packages' : 'nodes'} to upgrade them`
                : byPackage
                  ? `${number === 1 ? '1 package' : `${number} packages`} on ${nodesOf(picked.length)}`
                  : `${nodesOf(number)} chosen`}
            </span>
            <Button small look="quiet" onClick={number === 0 ? selectAll : clear}>
              {number === 0 ? 'All that are shown' : 'None'}
            </Button>
            {urgent.length > 0 && (
              <Button small data-testid="run-security" onClick={() => setRunning('security')}>
                Security alone…
              </Button>
            )}
            {number > 0 && picked.length === 0 && (
              <span className="text-xs text-warn">
                {byPackage ? 'Held on all of the nodes that you may work on' : 'Nothing waits there'}
              </span>
            )}
            {picked.length > 0 && (
              <Button small look="primary" data-testid="run-waves" onClick={() => setRunning('all')}>
                Upgrade in waves…
              </Button>
            )}
          </div>
        </div>
      )}
      {running && (
        <WavesDialog
          nodes={data.nodes.filter((node) => (running === 'security' ? urgent : picked).includes(node.node))}
          packages={byPackage ? [...names] : undefined}
          security={running === 'security'}
          rules={data.rules ?? []}
          onClose={() => setRunning(null)}
        />
      )}
    </div>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  return filtered ? (
    <Empty title="Nothing of that kind" line="Is there life on Mars?" />
  ) : (
    <Empty
      title="Nothing is known of packages yet"
      line="Planet Earth is blue, and there’s nothing I can do."
    >
      <p className="max-w-110 text-sm text-dim">
        Nodes that were deployed over SSH are looked at once a day, unless the server was told otherwise. A
        node’s own Packages tab looks at once.
      </p>
    </Empty>
  );
}
