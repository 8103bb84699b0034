import Check from 'lucide-react/icons/check';
import type { ReactNode } from 'react';

interface Props {
  number: number;
  title: string;
  state: 'waiting' | 'open' | 'done';
  /** What it came to, once it is folded. */
  summary?: ReactNode;
  /** Back into it. */
  onOpen?(): void;
  children: ReactNode;
}

/** One step of a dialog: open while it is its turn, a line afterwards. */
export function Fold({ number, title, state, summary, onOpen, children }: Props) {
  const head = (
    <>
      <span
        className={`grid size-6 shrink-0 place-items-center rounded-full text-xs font-semibold ${
          state === 'open'
            ? 'bg-accent text-accent-ink'
            : state === 'done'
              ? 'border border-ok/60 text-ok'
              : 'border border-line-strong text-faint'
        }`}
      >
        {state === 'done' ? <Check size={13} strokeWidth={3} aria-hidden /> : number}
      </span>
      <span className={`text-sm font-semibold ${state === 'waiting' ? 'text-faint' : ''}`}>{title}</span>
      {state === 'done' && summary && (
        <span className="ml-auto min-w-0 truncate pl-3 text-xs text-dim">{summary}</span>
      )}
    </>
  );
  return (
    <section
      aria-label={title}
      data-fold={number}
      data-state={state}
      className="border-t border-line py-3 first:border-0 first:pt-0 last:pb-0"
    >
      {state === 'done' && onOpen ? (
        <button
          type="button"
          onClick={onOpen}
          className="-mx-2 flex w-[calc(100%+1rem)] items-center gap-3 rounded-md px-2 py-1 text-left hover:bg-hover"
        >
          {head}
        </button>
      ) : (
        <div className="flex items-center gap-3 py-1">{head}</div>
      )}
      {state === 'open' && <div className="pt-3 sm:pl-9">{children}</div>}
    </section>
  );
}
