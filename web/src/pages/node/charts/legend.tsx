import { type MouseEvent, useState } from 'react';
import type { BuildContext, ChartData, ChartDef, ItemSwitch, Line } from './model';
import { valueAt } from './plot-data';

interface Props {
  def: ChartDef;
  data: ChartData;
  context: BuildContext;
  visible(line: Line): boolean;
  /** The bucket under the shared cursor; null shows the newest. */
  index: number | null;
  bridgeMs: number;
  heat: boolean;
  onSwitch(changes: readonly ItemSwitch[]): void;
}

/** With more items than this the legend is folded: what is shown first, and how many there are besides. */
const ITEMS_MAX = 12;

interface Item {
  id: string;
  label: string;
  lines: Line[];
}

/** One entry an item with its value now or under the cursor. Click switches it, with Ctrl or Shift all others. */
export function Legend({ def, data, context, visible, index, bridgeMs, heat, onSwitch }: Props) {
  const items = new Map<string, Item>();
  for (const line of data.lines) {
    if (line.reference) continue;
    const item = items.get(line.item) ?? { id: line.item, label: line.itemLabel, lines: [] };
    item.lines.push(line);
    items.set(line.item, item);
  }
  const at = Math.min(index ?? data.times.length - 1, data.times.length - 1);
  const readingOf = (line: Line) => {
    // Without a cursor the newest reading counts, even when the last bucket is still empty.
    const value = valueAt(data.times, line.values, at, index === null ? bridgeMs * 2 : bridgeMs);
    return value === null ? '–' : def.format(value, context);
  };
  const change = (item: Item, on: boolean): ItemSwitch => [
    item.id,
    on === !item.lines[0]!.hiddenByDefault ? null : on,
  ];
  const onClick = (event: MouseEvent, clicked: Item) => {
    const all = [...items.values()].filter((item) => !item.lines[0]!.figure);
    const alone = all.every((item) => visible(item.lines[0]!) === (item === clicked));
    if (!(event.ctrlKey || event.metaKey || event.shiftKey)) {
      onSwitch([change(clicked, !visible(clicked.lines[0]!))]);
    } else if (alone) {
      onSwitch(all.map((item) => [item.id, null]));
    } else {
      onSwitch(all.map((item) => change(item, item === clicked)));
    }
  };
  const [unfolded, setUnfolded] = useState(false);
  const all = [...items.values()];
  // Folded, what is drawn comes first; each list stays in its own order.
  const first = all.filter((item) => visible(item.lines[0]!));
  const order = [...first, ...all.filter((item) => !first.includes(item))];
  const listed = unfolded || all.length <= ITEMS_MAX ? all : order.slice(0, ITEMS_MAX);
  return (
    <>
      {heat && (
        <p className="mt-1 flex items-center gap-2 px-1 text-2xs text-faint">
          0 %
          <span
            aria-hidden
            className="h-2 w-24 rounded-sm border border-line"
            style={{
              background:
                'linear-gradient(to right, color-mix(in srgb, var(--s1) 4%, transparent), var(--s1))',
            }}
          />
          100 %<span className="max-sm:hidden">, one row a core, the first at the top</span>
        </p>
      )}
      <ul aria-label={`Lines of ${def.title}`} className="mt-1 flex flex-wrap gap-x-1 gap-y-0.5">
        {listed.map((item) => {
          const line = item.lines[0]!;
          const on = visible(line);
          const reading =
            item.lines.length === 1
              ? readingOf(line)
              : item.lines.map((one) => `${one.paired ?? ''} ${readingOf(one)}`).join('  ');
          if (line.figure) {
            return (
              <li key={item.id} className="flex min-w-0 items-center gap-1.5 px-1 py-0.5 text-2xs text-dim">
                <span className="truncate">{item.label}</span>
                <span className="min-w-[6.5ch] whitespace-nowrap text-text">{reading}</span>
              </li>
            );
          }
          return (
            <li key={item.id} className="min-w-0">
              <button
                type="button"
                aria-pressed={on}
                title={`${item.label}\nClick: show or hide. Shift-click: this one alone.`}
                onClick={(event) => onClick(event, item)}
                className={`flex max-w-full items-center gap-1.5 rounded-sm px-1 py-0.5 text-2xs transition hover:bg-hover pointer-coarse:py-1.5 ${
                  on ? 'text-dim' : 'text-faint'
                }`}
              >
                <span
                  aria-hidden
                  className={`w-2.5 shrink-0 border-t-2 ${line.again ? 'border-dashed' : ''}`}
                  style={{ borderColor: on ? `var(--${heat ? 's1' : line.color})` : 'var(--line-strong)' }}
                />
                <span className={`truncate ${on ? '' : 'line-through'}`}>
                  <bdi>{item.label}</bdi>
                </span>
                {on && <span className="min-w-[6.5ch] whitespace-nowrap text-text">{reading}</span>}
              </button>
            </li>
          );
        })}
        {all.length > ITEMS_MAX && (
          <li>
            <button
              type="button"
              aria-expanded={unfolded}
              data-testid={`legend-more-${def.id}`}
              onClick={() => setUnfolded(!unfolded)}
              className="rounded-sm px-1.5 py-0.5 text-2xs text-dim underline underline-offset-2 transition hover:bg-hover hover:text-text pointer-coarse:py-1.5"
            >
              {unfolded ? 'Fewer' : `and ${all.length - listed.length} more`}
            </button>
          </li>
        )}
      </ul>
    </>
  );
}
