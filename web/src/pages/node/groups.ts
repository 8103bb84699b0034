import type { HistoryPart } from '../../api/types';

/** What is asked of the history in one call each: together one page, apart so that one failure spares the rest. */
export interface Group {
  id: GroupId;
  selectors: string[];
  /** Which live series belong to the group (so that a new disk or interface appears without a reload). */
  wants(key: string): boolean;
  /** Bands between the least and the greatest reading: never, always, or where there are few series. */
  bands: 'none' | 'all' | 'few';
  /** More can't be seen; where charts take one from another, some more. */
  digits: number;
}

/** More series than this are drawn without bands. */
const FEW = 24;

/** What to ask for of each bucket, of so many series; null: nobody knows how many. */
export function partsOf(group: Group, series: number | null): readonly HistoryPart[] {
  const banded = group.bands === 'all' || (group.bands === 'few' && series !== null && series <= FEW);
  return banded ? ['avg', 'min', 'max'] : ['avg'];
}

export type GroupId = 'machine' | 'cores' | 'traffic' | 'packets' | 'interfaces' | 'disks' | 'filesystems';

const MODES = ['user', 'nice', 'system', 'idle', 'iowait', 'irq', 'softirq', 'steal'] as const;

/** The history answers at most 512 series at once: of very many cores less is asked for each. */
function coreModes(cores: number): readonly string[] {
  if (cores <= 64) return MODES;
  return cores <= 128 ? ['user', 'system', 'idle', 'iowait'] : ['idle', 'iowait'];
}

/** The groups for a machine with so many cores. */
export function groupsFor(cores: number | null): readonly Group[] {
  const modes = coreModes(cores ?? 0);
  const wanted = new RegExp(`^cpu\\.(?:${modes.join('|')})_ms\\{`);
  return GROUPS.map((group) =>
    group.id === 'cores'
      ? {
          ...group,
          selectors: modes.map((mode) => `cpu.${mode}_ms{*`),
          wants: (key: string) => wanted.test(key),
        }
      : group,
  );
}

export const GROUPS: readonly Group[] = [
  {
    id: 'machine',
    selectors: [
      ...MODES.map((mode) => `cpu.${mode}_ms`),
      'mem.*',
      'swap.*',
      'load.*',
      'proc.*',
      'temp.*',
      'tcp.*',
    ],
    wants: (key) => /^(?:cpu\.[a-z]+_ms$|mem\.|swap\.|load\.|proc\.|temp\.|tcp\.)/.test(key),
    bands: 'all',
    digits: 6,
  },
  {
    id: 'cores',
    selectors: [],
    wants: () => false,
    bands: 'none',
    digits: 3,
  },
  {
    id: 'traffic',
    selectors: ['net.rx_bytes', 'net.tx_bytes'],
    wants: (key) => /^net\.[rt]x_bytes/.test(key),
    bands: 'few',
    digits: 4,
  },
  {
    id: 'packets',
    selectors: [
      'net.rx_packets',
      'net.tx_packets',
      'net.rx_errors',
      'net.tx_errors',
      'net.rx_dropped',
      'net.tx_dropped',
    ],
    wants: (key) => /^net\.[rt]x_(?:packets|errors|dropped)/.test(key),
    bands: 'few',
    digits: 4,
  },
  {
    id: 'interfaces',
    selectors: ['net.kind', 'net.up', 'net.speed_mbit'],
    wants: (key) => /^net\.(?:kind|up|speed_mbit)\{/.test(key),
    bands: 'none',
    digits: 6,
  },
  {
    id: 'disks',
    selectors: ['disk.*'],
    wants: (key) => key.startsWith('disk.'),
    bands: 'few',
    digits: 4,
  },
  {
    id: 'filesystems',
    selectors: [
      'fs.total_bytes',
      'fs.free_bytes',
      'fs.available_bytes',
      'fs.files',
      'fs.files_free',
      'fs.readonly',
    ],
    wants: (key) => /^fs\.(?:(?:total|free|available)_bytes|files|files_free|readonly)\{/.test(key),
    bands: 'none',
    digits: 6,
  },
];
