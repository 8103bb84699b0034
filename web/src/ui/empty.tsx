import type { ReactNode } from 'react';

/** Nothing here, said kindly: a line from the songs, what it means, and what to do. */
export function Empty({ title, line, children }: { title: string; line?: string; children?: ReactNode }) {
  return (
    <div className="grid justify-items-center gap-3 px-4 py-20 text-center">
      {line && <p className="text-sm text-faint italic">{line}</p>}
      <h2 className="text-lg font-semibold">{title}</h2>
      {children}
    </div>
  );
}
