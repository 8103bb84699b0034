import { memo, useMemo, useRef, useState } from 'react';
import type { Gap } from '../../../api/types';
import { gapsInWindow } from '../../../lib/gaps';
import { useTheme } from '../../../lib/theme';
import { Legend } from './legend';
import type { BuildContext, ChartData, ChartDef, ItemSwitch, Line } from './model';
import { plotOf } from './plot-data';
import { Tooltip } from './tooltip';
import { CHART_HEIGHT } from './uplot-options';
import { type CursorAt, usePlot } from './use-plot';

interface Props {
  def: ChartDef;
  data: ChartData;
  context: BuildContext;
  from: number;
  to: number;
  stepMs: number;
  intervalMs: number;
  gaps: readonly Gap[];
  /** Items switched by hand. */
  switched: ReadonlyMap<string, boolean>;
  dimmed: boolean;
  onSwitch(chart: string, changes: readonly ItemSwitch[]): void;
  onZoom(from: number, to: number): void;
  onReset(): void;
  /** Present on charts of links: bytes or bits. */
  onNetUnit?(unit: 'bytes' | 'bits'): void;
}

/** Buckets so close are one line even where the ones between are empty. */
const BRIDGED_INTERVALS = 3;
/** So long a sample may wait for its commit: what the history lacks between its end and ours comes later. */
const BRIDGED_MS_MIN = 15_000;

export const ChartCard = memo(function ChartCard(props: Props) {
  const { def, data, context, from, to, stepMs, intervalMs, switched } = props;
  const box = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  const [cursor, setCursor] = useState<CursorAt | null>(null);
  const gaps = useMemo(() => gapsInWindow(props.gaps, from, to, stepMs), [props.gaps, from, to, stepMs]);
  const bridgeMs = Math.max(stepMs * 1.5, BRIDGED_INTERVALS * intervalMs, BRIDGED_MS_MIN);
  const visible = useMemo(
    () => (line: Line) => line.reference || (switched.get(line.item) ?? !line.hiddenByDefault),
    [switched],
  );
  const plot = useMemo(
    () => plotOf(def, data, visible, { bridgeMs, gaps, bands: stepMs > intervalMs * 1.5 }),
    [def, data, visible, bridgeMs, gaps, stepMs, intervalMs],
  );
  usePlot({
    box,
    def,
    plot,
    context,
    from,
    to,
    gaps,
    stepMs,
    theme,
    onZoom: props.onZoom,
    onReset: props.onReset,
    onCursor: setCursor,
  });
  const note = def.note?.(context);
  return (
    <section aria-label={def.title} className="panel relative flex min-w-0 flex-col px-3 pt-3 pb-2.5">
      <div className="mb-1 flex items-baseline gap-2 px-1">
        <h2 className="text-sm font-semibold">{def.title}</h2>
        {note && <span className="text-2xs text-faint">{note}</span>}
        {props.onNetUnit && (
          <button
            type="button"
            data-testid="net-unit"
            aria-pressed={context.netUnit === 'bits'}
            onClick={() => props.onNetUnit!(context.netUnit === 'bits' ? 'bytes' : 'bits')}
            className="-my-1 ml-auto rounded-sm px-1.5 py-0.5 text-2xs text-faint transition hover:bg-hover hover:text-text"
          >
            {context.netUnit === 'bits' ? 'in bytes' : 'in bits'}
          </button>
        )}
      </div>
      <div
        ref={box}
        data-chart={def.id}
        data-points="0"
        style={{ height: CHART_HEIGHT }}
        className={`relative transition-opacity ${props.dimmed ? 'opacity-45' : ''}`}
      >
        {cursor?.here && (
          <Tooltip
            def={def}
            data={data}
            context={context}
            cursor={cursor}
            gaps={gaps}
            stepMs={stepMs}
            bridgeMs={bridgeMs}
            visible={visible}
            heat={plot.heat}
          />
        )}
      </div>
      <Legend
        def={def}
        data={data}
        context={context}
        visible={visible}
        index={cursor?.index ?? null}
        bridgeMs={bridgeMs}
        heat={plot.heat}
        onSwitch={(changes) => props.onSwitch(def.id, changes)}
      />
    </section>
  );
});
