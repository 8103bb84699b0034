import { DEFAULT_RANGE_ID, RANGES, rangeById, WINDOW_MS_MAX, WINDOW_MS_MIN } from './range';

/** What the address of a node page says. The address is the only place where this state lives. */
export interface NodeView {
  /** The rolling window; also what a zoom returns to. */
  rangeId: string;
  /** A fixed window, when zoomed or chosen by hand. */
  fixed: { from: number; to: number } | null;
  /** Items switched on or off by hand, by `chart~item`. The others are as their chart thinks best. */
  switched: ReadonlyMap<string, boolean>;
  netUnit: 'bytes' | 'bits';
}

const SWITCHED_MAX = 200;

/** What holds where the address says nothing: as remembered from last time. */
export interface NodeHabits {
  rangeId: string;
  netUnit: 'bytes' | 'bits';
}
const NO_HABITS: NodeHabits = { rangeId: DEFAULT_RANGE_ID, netUnit: 'bytes' };

export function parseNodeView(search: string, habits: NodeHabits = NO_HABITS): NodeView {
  const params = new URLSearchParams(search);
  const from = Number(params.get('from') ?? Number.NaN);
  const to = Number(params.get('to') ?? Number.NaN);
  const wide = to - from;
  const valid = from >= 0 && wide >= WINDOW_MS_MIN && wide <= WINDOW_MS_MAX;
  return {
    rangeId: rangeById(params.get('range') ?? habits.rangeId).id,
    fixed: valid ? { from, to } : null,
    switched: new Map(
      [
        ...params.getAll('show').map((item) => [item, true] as const),
        ...params.getAll('hide').map((item) => [item, false] as const),
      ].slice(0, SWITCHED_MAX),
    ),
    netUnit: oneOf(['bits', 'bytes'] as const, params.get('net'), habits.netUnit),
  };
}

/** `whole`: nothing is left to habits, so that the address means the same everywhere and at any time. */
export function nodeViewSearch(view: NodeView, whole = false): string {
  const params = new URLSearchParams();
  if (whole || view.rangeId !== DEFAULT_RANGE_ID) params.set('range', view.rangeId);
  if (view.fixed) {
    params.set('from', String(Math.round(view.fixed.from)));
    params.set('to', String(Math.round(view.fixed.to)));
  }
  if (whole || view.netUnit === 'bits') params.set('net', view.netUnit);
  for (const [item, on] of view.switched) params.append(on ? 'show' : 'hide', item);
  const text = params.toString();
  return text ? `?${text}` : '';
}

export const FILTERS = [
  'all',
  'online',
  'offline',
  'stale',
  'pending',
  'outdated',
  'updates',
  'security',
  'reboot',
] as const;
export type Filter = (typeof FILTERS)[number];
export const SORTS = ['name', 'state', 'cpu', 'mem', 'disk', 'rx', 'tx', 'load', 'temp', 'uptime'] as const;
export type Sort = (typeof SORTS)[number];

export interface FleetView {
  filter: Filter;
  query: string;
  sort: Sort;
  descending: boolean;
  /** Null: as remembered from last time. */
  layout: 'cards' | 'table' | null;
}

function oneOf<T extends string>(choices: readonly T[], value: string | null, otherwise: T): T {
  return choices.find((choice) => choice === value) ?? otherwise;
}

export function parseFleetView(search: string): FleetView {
  const params = new URLSearchParams(search);
  const layout = params.get('view');
  return {
    filter: oneOf(FILTERS, params.get('state'), 'all'),
    query: (params.get('q') ?? '').slice(0, 200),
    sort: oneOf(SORTS, params.get('sort'), 'name'),
    descending: params.get('dir') === 'desc',
    layout: layout === 'cards' || layout === 'table' ? layout : null,
  };
}

export function fleetViewSearch(view: FleetView): string {
  const params = new URLSearchParams();
  if (view.filter !== 'all') params.set('state', view.filter);
  if (view.query) params.set('q', view.query);
  if (view.sort !== 'name') params.set('sort', view.sort);
  if (view.descending) params.set('dir', 'desc');
  if (view.layout) params.set('view', view.layout);
  const text = params.toString();
  return text ? `?${text}` : '';
}

/** Where to go after login: only a path of our own, never another site. */
export function safeNext(next: string | null): string {
  if (!next?.startsWith('/') || next.startsWith('//') || next.includes('\\')) return '/';
  if (next.startsWith('/login')) return '/';
  return next;
}

export function isKnownRange(id: string): boolean {
  return RANGES.some((range) => range.id === id);
}

/** The node that a list is narrowed to. */
export function nodeOf(params: URLSearchParams): number | null {
  const node = Number(params.get('node') ?? Number.NaN);
  return Number.isSafeInteger(node) && node > 0 ? node : null;
}
