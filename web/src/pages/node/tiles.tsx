import type { ReactNode } from 'react';
import type { Summary } from '../../api/types';
import { displayName } from '../../lib/names';
import { netRate, useNetUnit } from '../../lib/net-unit';
import {
  ABSENT,
  bytes,
  bytesPerSecond,
  celsius,
  count,
  counted,
  duration,
  load,
  percent,
} from '../../lib/units';
import type { FleetNode } from '../../live/fleet';
import { Bar, LEVEL_TEXT, levelOf, ratioPercent } from '../../ui/meter';

interface TileProps {
  label: string;
  value: string;
  detail: ReactNode;
  percentOf?: number | null;
  /** Where the bar turns amber and red, when not at 80 and 92. */
  limits?: { warn: number; bad: number };
  tone?: string;
  grey: boolean;
  testId: string;
}

function Tile({ label, value, detail, percentOf, limits, tone = '', grey, testId }: TileProps) {
  return (
    <div className="flex min-w-0 flex-col bg-panel px-2 py-2 sm:px-4 sm:py-3" data-testid={testId}>
      <p className="truncate text-2xs text-faint sm:text-xs">{label}</p>
      <p className={`truncate text-sm font-semibold sm:mt-0.5 sm:text-lg ${grey ? 'text-faint' : tone}`}>
        {value}
      </p>
      {percentOf !== undefined && (
        <div className="mt-1 sm:my-1.5">
          <Bar value={percentOf} grey={grey} {...limits} />
        </div>
      )}
      <p className="mt-auto truncate text-2xs text-faint max-sm:hidden">{detail}</p>
    </div>
  );
}

/** What an ordinary user may still write: the rest of what the percent is of. */
export function diskFree(s: Summary): number | null {
  const { disk_percent: share, disk_used_bytes: used, disk_total_bytes: total } = s;
  if (s.disk_free_bytes != null) return s.disk_free_bytes;
  if (share == null || used == null || total == null) return null;
  return share > 0 ? Math.min(total - used, (used * (100 - share)) / share) : total - used;
}

/** The node now, in eight numbers. */
export function Tiles({ node, grey }: { node: FleetNode; grey: boolean }) {
  const unit = useNetUnit();
  const s = node.summary;
  if (!s) return null;
  const memory = ratioPercent(s.mem_used_bytes, s.mem_total_bytes);
  const swap = s.swap_total_bytes
    ? `swap ${bytes(s.swap_used_bytes)} of ${bytes(s.swap_total_bytes)}`
    : 'no swap';
  const cores = s.cores ?? node.identity?.cores;
  return (
    <div className="grid grid-cols-4 gap-px overflow-hidden rounded-lg border border-line bg-line 2xl:grid-cols-8">
      <Tile
        testId="tile-cpu"
        label="CPU"
        value={percent(s.cpu_percent)}
        percentOf={s.cpu_percent ?? null}
        tone={LEVEL_TEXT[levelOf(s.cpu_percent, 80, 92)]}
        detail={cores != null ? counted(cores, 'core') : ABSENT}
        grey={grey}
      />
      <Tile
        testId="tile-memory"
        label="Memory"
        value={bytes(s.mem_used_bytes)}
        percentOf={memory}
        tone={LEVEL_TEXT[levelOf(memory, 80, 92)]}
        detail={
          <>
            {percent(memory)} of {bytes(s.mem_total_bytes)}
            <span className="max-sm:hidden">, {swap}</span>
          </>
        }
        grey={grey}
      />
      <Tile
        testId="tile-disk"
        label={s.disk_mount ? `Fullest disk, ${displayName(s.disk_mount, 40)}` : 'Fullest disk'}
        value={percent(s.disk_percent)}
        percentOf={s.disk_percent ?? null}
        tone={LEVEL_TEXT[levelOf(s.disk_percent, 80, 92)]}
        detail={
          // The percent is df's: of what an ordinary user may fill. So are the two that stand beside it.
          s.disk_used_bytes != null ? `${bytes(s.disk_used_bytes)} used, ${bytes(diskFree(s))} free` : ABSENT
        }
        grey={grey}
      />
      <Tile
        testId="tile-load"
        label="Load, 1 min"
        value={load(s.load_1m)}
        percentOf={cores && s.load_1m != null ? (s.load_1m / cores) * 100 : undefined}
        limits={{ warn: 100, bad: 200 }}
        tone={LEVEL_TEXT[levelOf(cores && s.load_1m != null ? s.load_1m / cores : null, 1, 2)]}
        detail={`5 min ${load(s.load_5m)}, 15 min ${load(s.load_15m)}`}
        grey={grey}
      />
      <Tile
        testId="tile-network"
        label="Network in"
        value={netRate(s.net_rx_bytes_per_s, unit)}
        detail={`out ${netRate(s.net_tx_bytes_per_s, unit)}`}
        grey={grey}
      />
      <Tile
        testId="tile-disk-io"
        label="Disk read"
        value={bytesPerSecond(s.disk_read_bytes_per_s)}
        detail={`written ${bytesPerSecond(s.disk_write_bytes_per_s)}`}
        grey={grey}
      />
      {s.temp_celsius != null ? (
        <Tile
          testId="tile-temperature"
          label="Temperature"
          value={celsius(s.temp_celsius)}
          tone={LEVEL_TEXT[levelOf(s.temp_celsius, 75, 85)]}
          detail={s.temp_sensor ? displayName(s.temp_sensor, 40) : 'hottest sensor'}
          grey={grey}
        />
      ) : (
        <Tile
          testId="tile-tcp"
          label="TCP connections"
          value={count(s.tcp_established)}
          detail="established"
          grey={grey}
        />
      )}
      <Tile
        testId="tile-uptime"
        label="Up for"
        value={duration(s.uptime_ms)}
        detail={`${count(s.procs)} processes${s.temp_celsius != null ? `, ${count(s.tcp_established)} TCP` : ''}`}
        grey={grey}
      />
    </div>
  );
}
