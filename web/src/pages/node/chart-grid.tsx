import { useCallback, useMemo } from 'react';
import type { Gap } from '../../api/types';
import { silentStretches } from '../../lib/gaps';
import { displayName } from '../../lib/names';
import { dayAndClock } from '../../lib/time';
import { duration } from '../../lib/units';
import type { NodeView } from '../../lib/url-state';
import type { FleetNode, ShownStatus } from '../../live/fleet';
import { Button } from '../../ui/button';
import { Problem } from '../../ui/problem';
import { CHARTS } from './charts';
import { bridgeOf, ChartCard } from './charts/chart-card';
import type { BuildContext, ItemSwitch } from './charts/model';
import { FilesystemTable } from './filesystem-table';
import type { Frame } from './frame';
import { InterfaceTable } from './interface-table';
import type { SourceState } from './source';

interface Props {
  node: FleetNode;
  status: ShownStatus;
  state: SourceState;
  view: NodeView;
  intervalMs: number;
  onView(change: Partial<NodeView>, push?: boolean): void;
  onRetry(): void;
}

/** What is missing since the last sample of a node that isn't there: the history can't know yet that it ended. */
function openGap(node: FleetNode, status: ShownStatus, state: SourceState): Gap | null {
  if ((status !== 'offline' && status !== 'stale') || node.last_seen_ms == null) return null;
  const from = Math.max(node.last_seen_ms, status === 'stale' ? (node.summary?.time_ms ?? 0) : 0);
  if (from >= state.to) return null;
  if (status === 'stale')
    return { from, to: state.to, cause: 'stale_now', text: 'No sample has come since then' };
  const text = node.reason ? `Offline: ${displayName(node.reason, 160)}` : 'Offline since then';
  return { from, to: state.to, cause: 'offline_now', text };
}

/** Where no series of the machine itself has a reading, and nobody said why. */
function silence(frame: Frame | undefined, bridgeMs: number): Gap[] {
  if (!frame) return [];
  const present = frame.times.map(() => false);
  for (const track of frame.tracks.values()) {
    track.avg.forEach((value, index) => {
      if (value !== null) present[index] = true;
    });
  }
  return silentStretches(frame.times, present, frame.stepMs, bridgeMs, frame.gaps);
}

/** Two beside each other on a desk, more where there is room for them. */
const GRID =
  'grid grid-cols-1 gap-3 lg:grid-cols-2 min-[118rem]:grid-cols-3 min-[156rem]:grid-cols-4 print:grid-cols-1!';
const NOTHING_SWITCHED: ReadonlyMap<string, boolean> = new Map();

export function ChartGrid({ node, status, state, view, intervalMs, onView, onRetry }: Props) {
  const cores = node.identity?.cores ?? node.summary?.cores ?? null;
  const windowId = view.fixed ? `${view.fixed.from}-${view.fixed.to}` : view.rangeId;
  // biome-ignore lint/correctness/useExhaustiveDependencies: another window, another order of what is busiest.
  const memory = useMemo(() => new Map<string, string[]>(), [windowId]);
  const context = useMemo<BuildContext>(
    () => ({ cores, netUnit: view.netUnit, memory }),
    [cores, view.netUnit, memory],
  );

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

  const machine = state.frames.get('machine');
  const silent = useMemo(
    () => silence(machine, machine ? bridgeOf(machine.stepMs, intervalMs) : 0),
    [machine, intervalMs],
  );
  const gap = openGap(node, status, state);
  const gapsOf = (frame: Frame): readonly Gap[] => {
    const known = silent.length > 0 ? [...frame.gaps, ...silent] : frame.gaps;
    return gap ? [...known.filter((one) => one.from < gap.from), gap] : known;
  };
  const failure = [...state.errors.values()][0];
  // While Ground Control is away the bar at the top says so, and the charts stay as they are.
  const failed = failure?.kind === 'unreachable' && charts.length > 0 ? undefined : failure;
  const empty = !state.first && charts.length === 0 && !failed;
  return (
    <div className="grid grid-cols-1 gap-3">
      {failed && <Problem error={failed} onRetry={onRetry} />}
      {empty && <Nothing node={node} state={state} onView={onView} />}
      {state.first && state.loading && <Placeholders />}
      <div className={GRID}>
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
            gaps={gapsOf(frame)}
            switched={switchedBy.get(def.id) ?? NOTHING_SWITCHED}
            dimmed={state.loading && (frame.to < state.from || frame.from > state.to)}
            onSwitch={onSwitch}
            onZoom={onZoom}
            onReset={onReset}
            onNetUnit={def.id === 'network' ? onNetUnit : undefined}
          />
        ))}
      </div>
      {state.frames.has('filesystems') && <FilesystemTable frame={state.frames.get('filesystems')!} />}
      {state.frames.has('interfaces') && <InterfaceTable frame={state.frames.get('interfaces')!} />}
    </div>
  );
}

function Placeholders() {
  return (
    <div aria-hidden className={`late ${GRID}`}>
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
