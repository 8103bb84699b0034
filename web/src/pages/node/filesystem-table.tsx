import { useMemo } from 'react';
import { displayName } from '../../lib/names';
import { bytes, count, percent } from '../../lib/units';
import { Bar, LEVEL_TEXT, levelOf } from '../../ui/meter';
import { Name } from '../../ui/name';
import { filesystemsOf } from './filesystems';
import type { Frame } from './frame';

function Share({ value }: { value: number | null }) {
  return (
    <span className="flex items-center justify-end gap-2">
      <span className="w-16 max-sm:hidden">
        <Bar value={value} />
      </span>
      <span className={`w-11 text-right ${LEVEL_TEXT[levelOf(value, 80, 92)]}`}>{percent(value)}</span>
    </span>
  );
}

const NUMBER = 'py-1.5 pl-4 text-right whitespace-nowrap';

/** Every filesystem with what it holds, in bytes and in inodes: as `df` and `df -i` say it. */
export function FilesystemTable({ frame }: { frame: Frame }) {
  const rows = useMemo(() => filesystemsOf(frame), [frame]);
  if (rows.length === 0) return null;
  const hasInodes = rows.some((row) => row.inodes !== null);
  const hasTypes = rows.some((row) => row.type !== null);
  return (
    <section aria-label="Filesystems" className="panel min-w-0 px-4 pt-3 pb-2" data-testid="filesystem-table">
      <h2 className="text-sm font-semibold">Filesystems</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so it can be reached by keyboard. */}
      <section aria-label="Sizes of filesystems" tabIndex={0} className="mt-1 overflow-x-auto">
        <table className="w-full text-xs">
          <thead>
            <tr className="text-left text-2xs text-faint">
              <th className="py-1.5 font-normal">Mounted on</th>
              {hasTypes && <th className="py-1.5 pl-4 font-normal max-sm:hidden">Type</th>}
              <th className={`${NUMBER} font-normal`}>In use</th>
              <th className={`${NUMBER} font-normal`}>Used</th>
              <th className={`${NUMBER} font-normal`}>Free</th>
              <th className={`${NUMBER} font-normal`}>Size</th>
              {hasInodes && (
                <>
                  <th className={`${NUMBER} font-normal`}>Inodes in use</th>
                  <th className={`${NUMBER} font-normal`}>Used</th>
                  <th className={`${NUMBER} font-normal`}>Free</th>
                </>
              )}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.mount} className="border-t border-line" data-mount={displayName(row.mount, 200)}>
                <td className="max-w-60 truncate py-1.5" title={displayName(row.mount, 200)}>
                  <Name text={row.mount} max={60} />
                  {row.readonly && <span className="ml-2 text-2xs text-faint">read-only</span>}
                </td>
                {hasTypes && (
                  <td className="py-1.5 pl-4 text-dim max-sm:hidden">
                    {row.type && <Name text={row.type} max={20} />}
                  </td>
                )}
                <td className={NUMBER}>
                  <Share value={row.usedPercent} />
                </td>
                <td className={NUMBER}>{bytes(row.usedBytes)}</td>
                <td className={NUMBER}>{bytes(row.freeBytes)}</td>
                <td className={`${NUMBER} text-dim`}>{bytes(row.totalBytes)}</td>
                {hasInodes && (
                  <>
                    <td className={NUMBER}>
                      {row.inodes ? (
                        <Share value={row.inodes.percent} />
                      ) : (
                        <span className="text-faint">–</span>
                      )}
                    </td>
                    <td className={NUMBER}>{count(row.inodes?.used)}</td>
                    <td className={NUMBER}>{count(row.inodes?.free)}</td>
                  </>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
