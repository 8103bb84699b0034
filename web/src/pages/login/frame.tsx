import type { ReactNode } from 'react';
import { Bolt } from '../../ui/brand';

/** The quiet page around the two forms that come before everything else. */
export function Frame({ line, title, children }: { line: string; title: string; children: ReactNode }) {
  return (
    <main className="grid min-h-dvh grid-rows-[1fr_auto_1.4fr] justify-items-center p-4">
      <div className="row-start-2 w-full max-w-88">
        <div className="mb-6 flex items-center gap-3">
          <Bolt size={36} />
          <div>
            <h1 className="text-lg leading-6 font-semibold">{title}</h1>
            <p className="text-sm text-faint italic">{line}</p>
          </div>
        </div>
        {children}
      </div>
    </main>
  );
}
