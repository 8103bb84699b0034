import type { Cell } from '../../../api/types';
import type { Frame } from '../frame';
import type { GroupId } from '../groups';

/** A line of a chart, ready to draw. */
export interface Line {
  id: string;
  label: string;
  /** CSS variable of the colour, without the dashes: `s1` to `s8`, `text`, `faint`. */
  color: string;
  values: Cell[];
  /** The band between the smallest and largest reading of each bucket. */
  band?: { min: Cell[]; max: Cell[] };
  /** Items are switched together when several lines belong to one: rx and tx of an interface. */
  item: string;
  itemLabel: string;
  dashed?: boolean;
  /** Its colour is that of another item too: drawn with dashes of its own. */
  again?: boolean;
  /** Told in words only: drawn, it would lie in what it is not a part of. */
  figure?: boolean;
  /** Drawn below the zero line and shown as a positive number. */
  mirrored?: boolean;
  /** One of two directions of an item: how the legend marks it, `↓` or `read`. */
  paired?: string;
  /** Not switched on unless asked for: loopback, the less busy of many. */
  hiddenByDefault?: boolean;
  /** Stands beside the items and has no switch: the number of cores, the total. */
  reference?: boolean;
}

/** An item on, off, or (null) as the chart thinks best. */
export type ItemSwitch = readonly [item: string, on: boolean | null];

export interface ChartData {
  times: number[];
  lines: Line[];
}

export interface BuildContext {
  cores: number | null;
  netUnit: 'bytes' | 'bits';
  /** Which items each chart showed before, for as long as the window stays: so that no line changes its colour. */
  memory?: Map<string, string[]>;
}

export interface ChartDef {
  id: string;
  title: string;
  group: GroupId;
  stacked?: boolean;
  /** May become a map, one row an item, when there are too many lines to tell apart. */
  heat?: boolean;
  /** The scale never ends below this: percent charts end at 100. */
  max?: number;
  /** Keeps the scale from magnifying noise. */
  maxAtLeast?: number;
  /** Zero means nothing here: the scale follows the readings. */
  withoutZero?: boolean;
  format(value: number, context: BuildContext): string;
  /** Which step the marks of the scale follow. */
  base?: 2 | 10;
  note?(context: BuildContext): string | null;
  build(frame: Frame, context: BuildContext): ChartData | null;
}

export const COLORS = ['s1', 's2', 's3', 's4', 's5', 's6', 's7', 's8'] as const;
export function colorAt(index: number): string {
  return COLORS[index % COLORS.length]!;
}
