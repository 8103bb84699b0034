import Check from 'lucide-react/icons/check';
import { type ReactNode, useEffect, useRef } from 'react';
import { firstField } from '../../lib/focus';

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
  const section = useRef<HTMLElement>(null);
  const wasOpen = useRef(state === 'open');
  const isOpen = state === 'open';
  useEffect(() => {
    // What had the focus went with the step before.
    if (isOpen && !wasOpen.current) (firstField(section.current!) ?? section.current!).focus();
    wasOpen.current = isOpen;
  }, [isOpen]);
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
      ref={section}
      tabIndex={-1}
      aria-label={title}
      data-fold={number}
      data-state={state}
      className="border-t border-line py-3 outline-none first:border-0 first:pt-0 last:pb-0"
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
      {isOpen && <div className="pt-3 sm:pl-9">{children}</div>}
    </section>
  );
}
