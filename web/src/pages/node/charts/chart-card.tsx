import { type KeyboardEvent, memo, useId, useMemo, useRef, useState } from 'react';
import type { Gap } from '../../../api/types';
import { gapsInWindow } from '../../../lib/gaps';
import { useTheme } from '../../../lib/theme';
import { Legend } from './legend';
import type { BuildContext, ChartData, ChartDef, ItemSwitch, Line } from './model';
import { plotOf } from './plot-data';
import { Tooltip } from './tooltip';
import { CHART_HEIGHT } from './uplot-options';
import { type CursorAt, type CursorMove, usePlot } from './use-plot';
import { chartWords, momentWords } from './words';

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

/** Readings so far apart are still one line. */
export function bridgeOf(stepMs: number, intervalMs: number): number {
  return Math.max(stepMs * 1.5, BRIDGED_INTERVALS * intervalMs, BRIDGED_MS_MIN);
}

export const ChartCard = memo(function ChartCard(props: Props) {
  const { def, data, context, from, to, stepMs, intervalMs, switched } = props;
  const box = useRef<HTMLDivElement>(null);
  const theme = useTheme();
  const [cursor, setCursor] = useState<CursorAt | null>(null);
  const gaps = useMemo(() => gapsInWindow(props.gaps, from, to, stepMs), [props.gaps, from, to, stepMs]);
  const bridgeMs = bridgeOf(stepMs, intervalMs);
  const visible = useMemo(
    () => (line: Line) => line.reference || (switched.get(line.item) ?? !line.hiddenByDefault),
    [switched],
  );
  const plot = useMemo(
    () => plotOf(def, data, visible, { bridgeMs, gaps, bands: stepMs > intervalMs * 1.5 }),
    [def, data, visible, bridgeMs, gaps, stepMs, intervalMs],
  );
  const cursorBy = usePlot({
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
  const wordsId = useId();
  const words = useMemo(() => chartWords(def, data, context, visible), [def, data, context, visible]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== box.current || event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? 10 : 1;
    const moves: Record<string, CursorMove> = {
      ArrowLeft: -far as CursorMove,
      ArrowRight: far as CursorMove,
      PageUp: -10,
      PageDown: 10,
      Home: 'first',
      End: 'last',
    };
    const wide = to - from;
    const middle = cursor?.time ?? to - wide / 2;
    const move = moves[event.key];
    if (move !== undefined) cursorBy.move(move);
    else if (event.key === '+') props.onZoom(middle - wide / 4, middle + wide / 4);
    else if (event.key === '-') props.onZoom(Math.min(middle, to - wide) - wide / 2, Math.max(middle, to));
    else if (event.key === '0') props.onReset();
    else return;
    event.preventDefault();
  };
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
        // A place in time on this chart: arrows move it, and its readings are its words.
        role="slider"
        tabIndex={0}
        aria-label={`${def.title}: readings over time`}
        aria-describedby={wordsId}
        aria-valuemin={Math.round(from)}
        aria-valuemax={Math.round(to)}
        aria-valuenow={Math.round(Math.min(to, Math.max(from, cursor?.time ?? to)))}
        aria-valuetext={
          cursor
            ? momentWords(def, data, context, visible, cursor, { stepMs, bridgeMs, gaps })
            : 'No moment chosen: arrow keys read one out, plus and minus zoom'
        }
        onKeyDown={onKeyDown}
        onBlur={() => cursorBy.hide()}
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
      <p id={wordsId} className="sr-only">
        {words}
      </p>
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
