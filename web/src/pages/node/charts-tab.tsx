import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { useLocation, useSearch } from 'wouter';
import { pointsFor, rangeById } from '../../lib/range';
import { useShortcuts } from '../../lib/shortcuts';
import { type NodeView, nodeViewSearch, parseNodeView } from '../../lib/url-state';
import type { FleetNode, ShownStatus } from '../../live/fleet';
import { useConnection } from '../../live/store';
import { ChartGrid } from './chart-grid';
import { RangeBar } from './range-bar';
import { NodeSource } from './source';
import { Tiles } from './tiles';

interface Props {
  node: FleetNode;
  status: ShownStatus;
  /** By the server's clock. */
  now: number;
}

/** The node in numbers: now, and over a time of choice. */
export function ChartsTab({ node, status, now }: Props) {
  const searchText = useSearch();
  const [path, navigate] = useLocation();
  const view = useMemo(() => parseNodeView(searchText), [searchText]);
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

  return (
    <>
      <Tiles node={node} grey={grey} />
      <div className="top-0 z-20 -mx-3 -my-2 bg-ink px-3 py-2 sm:sticky sm:-mx-6 sm:px-6">
        <RangeBar
          view={view}
          from={state.from}
          to={state.to}
          live={status === 'online' && lostAt === null}
          now={now}
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
    </>
  );
}
