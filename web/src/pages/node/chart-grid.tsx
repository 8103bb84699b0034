import { useCallback, useMemo } from 'react';
import type { Gap } from '../../api/types';
import { displayName } from '../../lib/series-key';
import { dayAndClock } from '../../lib/time';
import { duration } from '../../lib/units';
import type { NodeView } from '../../lib/url-state';
import type { FleetNode } from '../../live/fleet';
import { Button } from '../../ui/button';
import { Problem } from '../../ui/problem';
import { CHARTS } from './charts';
import { ChartCard } from './charts/chart-card';
import type { BuildContext, ItemSwitch } from './charts/model';
import type { SourceState } from './source';

interface Props {
  node: FleetNode;
  state: SourceState;
  view: NodeView;
  intervalMs: number;
  onView(change: Partial<NodeView>, push?: boolean): void;
  onRetry(): void;
}

/** What is missing since the last sample of a node that isn't there: the history can't know yet that it ended. */
function openGap(node: FleetNode, state: SourceState): Gap | null {
  if (node.status !== 'offline' || node.last_seen_ms == null) return null;
  const from = node.last_seen_ms;
  if (from >= state.to) return null;
  const text = node.reason ? `Offline: ${displayName(node.reason, 160)}` : 'Offline since then';
  return { from, to: state.to, cause: 'offline_now', text };
}

const NOTHING_SWITCHED: ReadonlyMap<string, boolean> = new Map();

export function ChartGrid({ node, state, view, intervalMs, onView, onRetry }: Props) {
  const cores = node.identity?.cores ?? node.summary?.cores ?? null;
  const context = useMemo<BuildContext>(() => ({ cores, netUnit: view.netUnit }), [cores, view.netUnit]);

  const charts = useMemo(
    () =>
      CHARTS.flatMap((def) => {
        const frame = state.frames.get(def.group);
        const data = frame ? def.build(frame, context) : null;
        return frame && data ? [{ def, data, frame }] : [];
      }),
    [state.frames, context],
  );

  const switchedBy = useMemo(() => {
    const by = new Map<string, Map<string, boolean>>();
    for (const [entry, on] of view.switched) {
      const split = entry.indexOf('~');
      if (split < 0) continue;
      const chart = entry.slice(0, split);
      by.set(chart, (by.get(chart) ?? new Map()).set(entry.slice(split + 1), on));
    }
    return by;
  }, [view.switched]);

  const onSwitch = useCallback(
    (chart: string, changes: readonly ItemSwitch[]) => {
      const next = new Map(view.switched);
      for (const [item, on] of changes) {
        if (on === null) next.delete(`${chart}~${item}`);
        else next.set(`${chart}~${item}`, on);
      }
      onView({ switched: next });
    },
    [view.switched, onView],
  );
  const onZoom = useCallback(
    (from: number, to: number) => {
      const middle = (from + to) / 2;
      const half = Math.max(5_000, (to - from) / 2);
      onView({ fixed: { from: Math.round(middle - half), to: Math.round(middle + half) } }, true);
    },
    [onView],
  );
  const onNetUnit = useCallback((netUnit: 'bytes' | 'bits') => onView({ netUnit }), [onView]);
  const onReset = useCallback(() => onView({ fixed: null }, true), [onView]);

  const gap = openGap(node, state);
  const failed = [...state.errors.values()][0];
  const empty = !state.first && charts.length === 0 && !failed;
  return (
    <div className="grid grid-cols-1 gap-3">
      {failed && <Problem error={failed} onRetry={onRetry} />}
      {empty && <Nothing node={node} state={state} onView={onView} />}
      {state.first && state.loading && <Placeholders />}
      <div className="grid grid-cols-1 gap-3 lg:grid-cols-2">
        {charts.map(({ def, data, frame }) => (
          <ChartCard
            key={def.id}
            def={def}
            data={data}
            context={context}
            from={state.from}
            to={state.to}
            stepMs={frame.stepMs}
            intervalMs={intervalMs}
            gaps={gap ? [...frame.gaps.filter((g) => g.from < gap.from), gap] : frame.gaps}
            switched={switchedBy.get(def.id) ?? NOTHING_SWITCHED}
            dimmed={state.loading && (frame.to < state.from || frame.from > state.to)}
            onSwitch={onSwitch}
            onZoom={onZoom}
            onReset={onReset}
            onNetUnit={def.id === 'network' ? onNetUnit : undefined}
          />
        ))}
      </div>
    </div>
  );
}

function Placeholders() {
  return (
    <div aria-hidden className="late grid grid-cols-1 gap-3 lg:grid-cols-2">
      {['a', 'b', 'c', 'd'].map((key) => (
        <div key={key} className="panel h-60" />
      ))}
    </div>
  );
}

/** No readings in the whole window: says so, and leads to where there are some. */
function Nothing({ node, state, onView }: Pick<Props, 'node' | 'state' | 'onView'>) {
  const last = node.last_seen_ms ?? null;
  const wide = state.to - state.from;
  return (
    <div className="panel grid justify-items-center gap-3 px-4 py-12 text-center text-sm text-dim">
      {last === null ? (
        <p>
          Nothing was measured yet: the Spider has not said hello. Start it with the command you were given.
        </p>
      ) : (
        <>
          <p>Nothing was measured in this time. The last sample came on {dayAndClock(last)}.</p>
          {last < state.from && (
            <Button
              onClick={() => onView({ fixed: { from: last - wide * 0.9, to: last + wide * 0.1 } }, true)}
            >
              Show the last {duration(wide)} before it
            </Button>
          )}
        </>
      )}
    </div>
  );
}
