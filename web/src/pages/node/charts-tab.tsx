import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { useLocation, useSearch } from 'wouter';
import { type NetUnit, netUnit, setNetUnit, useNetUnit } from '../../lib/net-unit';
import { readPref, writePref } from '../../lib/prefs';
import { pointsFor, rangeById } from '../../lib/range';
import { useShortcuts } from '../../lib/shortcuts';
import { type NodeView, nodeViewSearch, parseNodeView } from '../../lib/url-state';
import type { FleetNode, ShownStatus } from '../../live/fleet';
import { useConnection } from '../../live/store';
import { ChartGrid } from './chart-grid';
import { keepSearch } from './kept-search';
import { RangeBar } from './range-bar';
import { NodeSource } from './source';
import { Tiles } from './tiles';

/** As the address says, and what it leaves open as it was last time. */
function viewOf(search: string, unit: NetUnit): NodeView {
  return parseNodeView(search, { rangeId: readPref('range') ?? '', netUnit: unit });
}

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
  const unit = useNetUnit();
  const view = useMemo(() => viewOf(searchText, unit), [searchText, unit]);
  // What was looked at last holds for the next node too, and the address always says all of it.
  useEffect(() => {
    writePref('range', view.rangeId);
    setNetUnit(view.netUnit);
    const whole = nodeViewSearch(view, true);
    keepSearch(node.id, whole);
    if (whole !== window.location.search) navigate(`${path}${whole}`, { replace: true });
  }, [view, node.id, navigate, path]);
  const { lostAt } = useConnection();
  const grey = status === 'offline' || status === 'stale';
  const intervalMs = node.interval_ms ?? 1_000;

  const [source] = useState(() => new NodeSource(node.id));
  const state = useSyncExternalStore(source.subscribe, source.get);
  useEffect(() => {
    source.start();
    return () => source.stop();
  }, [source]);

  const cores = node.identity?.cores ?? node.summary?.cores ?? null;
  const rollingMs = rangeById(view.rangeId).ms;
  const from = view.fixed?.from;
  const to = view.fixed?.to;
  useEffect(() => {
    if (from !== undefined && to !== undefined) {
      source.show({ from, to }, pointsFor(to - from, intervalMs), intervalMs, cores);
    } else {
      source.show({ rollingMs }, pointsFor(rollingMs, intervalMs), intervalMs, cores);
    }
  }, [source, from, to, rollingMs, intervalMs, cores]);

  const onView = useCallback(
    (change: Partial<NodeView>, push = false) => {
      const current = viewOf(window.location.search, netUnit());
      navigate(`${path}${nodeViewSearch({ ...current, ...change }, true)}`, { replace: !push });
    },
    [navigate, path],
  );
  const leaveZoom = () => view.fixed && onView({ fixed: null }, true);
  useShortcuts({ Escape: leaveZoom });

  return (
    <>
      <Tiles node={node} grey={grey} />
      <div className="sticky top-(--bar) z-20 -mx-3 -my-2 bg-ink px-3 py-2 sm:-mx-6 sm:px-6">
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
        status={status}
        state={state}
        view={view}
        intervalMs={intervalMs}
        onView={onView}
        onRetry={source.retry}
      />
    </>
  );
}
