import { useMemo } from 'react';
import { displayName } from '../../lib/names';
import { bitsPerSecond } from '../../lib/units';
import { Name } from '../../ui/name';
import type { Frame } from './frame';
import { interfacesOf } from './interfaces';

const NUMBER = 'py-1.5 pl-4 text-right whitespace-nowrap';

/** Every network interface: what it is, whether it is up, and how fast it may be. */
export function InterfaceTable({ frame }: { frame: Frame }) {
  const rows = useMemo(() => interfacesOf(frame), [frame]);
  if (rows.length === 0) return null;
  return (
    <section aria-label="Interfaces" className="panel min-w-0 px-4 pt-3 pb-2" data-testid="interface-table">
      <h2 className="text-sm font-semibold">Interfaces</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so it can be reached by keyboard. */}
      <section aria-label="Network interfaces" tabIndex={0} className="mt-1 max-h-100 overflow-auto">
        <table className="w-full text-xs">
          <thead>
            <tr className="text-left text-2xs text-faint">
              <th className="py-1.5 font-normal">Interface</th>
              <th className="py-1.5 pl-4 font-normal">Kind</th>
              <th className="py-1.5 pl-4 font-normal">State</th>
              <th className={`${NUMBER} font-normal`}>Speed</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.iface} className="border-t border-line" data-iface={displayName(row.iface, 64)}>
                <td className="max-w-60 truncate py-1.5" title={displayName(row.iface, 200)}>
                  <Name text={row.iface} max={32} />
                </td>
                <td className="py-1.5 pl-4 text-dim">
                  {row.kind === null ? '–' : <Name text={row.kind} max={20} />}
                </td>
                <td className="py-1.5 pl-4">
                  {row.up === null ? (
                    <span className="text-faint">–</span>
                  ) : row.up ? (
                    'up'
                  ) : (
                    <span className="text-dim">down</span>
                  )}
                </td>
                <td className={`${NUMBER} text-dim`}>
                  {row.speedBits === null ? '–' : bitsPerSecond(row.speedBits / 8)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
