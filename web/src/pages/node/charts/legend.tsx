import type { MouseEvent } from 'react';
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
    const all = [...items.values()];
    const alone = all.every((item) => visible(item.lines[0]!) === (item === clicked));
    if (!(event.ctrlKey || event.metaKey || event.shiftKey)) {
      onSwitch([change(clicked, !visible(clicked.lines[0]!))]);
    } else if (alone) {
      onSwitch(all.map((item) => [item.id, null]));
    } else {
      onSwitch(all.map((item) => change(item, item === clicked)));
    }
  };
  const many = items.size > 12;
  return (
    <ul
      aria-label={`Lines of ${def.title}`}
      className={`mt-1 flex flex-wrap gap-x-1 gap-y-0.5 ${many ? 'max-h-15 overflow-y-auto' : ''}`}
    >
      {[...items.values()].map((item) => {
        const first = item.lines[0]!;
        const on = visible(first);
        return (
          <li key={item.id} className="min-w-0">
            <button
              type="button"
              aria-pressed={on}
              title={`${item.label}\nClick: show or hide. Shift-click: this one alone.`}
              onClick={(event) => onClick(event, item)}
              className={`flex max-w-full items-center gap-1.5 rounded-sm px-1 py-0.5 text-2xs transition hover:bg-hover ${
                on ? 'text-dim' : 'text-faint'
              }`}
            >
              <span
                aria-hidden
                className="h-0.5 w-2.5 shrink-0 rounded-full"
                style={{ background: on ? `var(--${heat ? 's1' : first.color})` : 'var(--line-strong)' }}
              />
              <span className={`truncate ${on ? '' : 'line-through'}`}>{item.label}</span>
              {on && !many && (
                <span className="min-w-[6.5ch] whitespace-nowrap text-text">
                  {item.lines.length === 1
                    ? readingOf(first)
                    : item.lines.map((line) => `${line.paired ?? ''} ${readingOf(line)}`).join('  ')}
                </span>
              )}
            </button>
          </li>
        );
      })}
    </ul>
  );
}
