import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { useLocation, useSearch } from 'wouter';
import { pointsFor, rangeById } from '../../lib/range';
import { displayName } from '../../lib/series-key';
import { useShortcuts } from '../../lib/shortcuts';
import { type NodeView, nodeViewSearch, parseNodeView } from '../../lib/url-state';
import { type FleetNode, shownStatus } from '../../live/fleet';
import { useConnection, useFleet, useFleetNode, useKnownNow } from '../../live/store';
import { useTitle } from '../../live/title';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import { ChartGrid } from './chart-grid';
import { Header } from './header';
import { RangeBar } from './range-bar';
import { NodeSource } from './source';
import { Tiles } from './tiles';

export default function NodePage({ id }: { id: number }) {
  const fleet = useFleet();
  const node = useFleetNode(id);
  const [, navigate] = useLocation();
  if (node) return <Present node={node} />;
  if (!fleet.nodes) return <p className="late p-6 text-sm text-faint">Looking for the node…</p>;
  return (
    <Empty
      title="No such node"
      line="Ground Control to Major Tom: your circuit’s dead, there’s something wrong."
    >
      <p className="text-sm text-dim">It may have been deleted.</p>
      <Button onClick={() => navigate('/')}>To the fleet</Button>
    </Empty>
  );
}

function Present({ node }: { node: FleetNode }) {
  const searchText = useSearch();
  const [path, navigate] = useLocation();
  const view = useMemo(() => parseNodeView(searchText), [searchText]);
  const fleet = useFleet();
  const now = useKnownNow();
  const status = shownStatus(node, now);
  const { lostAt } = useConnection();
  const grey = status === 'offline' || status === 'stale';
  const intervalMs = node.interval_ms ?? 1_000;

  const [source] = useState(() => new NodeSource(node.id));
  const state = useSyncExternalStore(source.subscribe, source.get);
  useEffect(() => {
    source.start();
    return () => source.stop();
  }, [source]);

  const rollingMs = rangeById(view.rangeId).ms;
  const from = view.fixed?.from;
  const to = view.fixed?.to;
  useEffect(() => {
    if (from !== undefined && to !== undefined) {
      source.show({ from, to }, pointsFor(to - from, intervalMs), intervalMs);
    } else {
      source.show({ rollingMs }, pointsFor(rollingMs, intervalMs), intervalMs);
    }
  }, [source, from, to, rollingMs, intervalMs]);

  const onView = useCallback(
    (change: Partial<NodeView>, push = false) => {
      const current = parseNodeView(window.location.search);
      navigate(`${path}${nodeViewSearch({ ...current, ...change })}`, { replace: !push });
    },
    [navigate, path],
  );
  const leaveZoom = () => view.fixed && onView({ fixed: null }, true);
  useShortcuts({ Escape: leaveZoom });

  useTitle(displayName(node.name, 40));

  return (
    <div
      className="mx-auto grid max-w-440 grid-cols-1 gap-4 px-3 py-4 sm:px-6 sm:py-5"
      data-node-id={node.id}
      data-status={status}
    >
      <Header node={node} status={status} now={now} skewMs={fleet.skewMs} />
      <Tiles node={node} grey={grey} />
      <div className="top-0 z-20 -mx-3 -my-2 bg-ink px-3 py-2 sm:sticky sm:-mx-6 sm:px-6">
        <RangeBar
          view={view}
          from={state.from}
          to={state.to}
          live={status === 'online' && lostAt === null}
          now={now + fleet.skewMs}
          onView={onView}
        />
      </div>
      <ChartGrid
        node={node}
        state={state}
        view={view}
        intervalMs={intervalMs}
        onView={onView}
        onRetry={source.retry}
      />
    </div>
  );
}
