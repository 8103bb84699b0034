import X from 'lucide-react/icons/x';
import { type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { type Filled, holdsWords } from '../lib/filled';
import { firstOf } from '../lib/focus';
import { Button, IconButton } from './button';

interface Props {
  title: ReactNode;
  onClose(): void;
  children: ReactNode;
  /** While something is under way or would be lost, a click outside does not close. */
  sticky?: boolean;
  /** What a stray way out would lose beside what was typed, as a question. */
  loses?: string | null;
  /** For what needs room: steps, lists, output. */
  wide?: boolean;
}

/**
 * A modal on the platform's own <dialog>: focus is kept inside, Escape closes, the page behind is inert.
 * What was typed into it is not thrown away by a stray key or click: it asks first. Rendered only while open.
 */
export function Dialog({ title, onClose, children, sticky = false, loses = null, wide = false }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const changed = useRef(new Set<Filled>());
  const [asking, setAsking] = useState(false);
  const stay = useRef<HTMLButtonElement>(null);
  const titleId = useId();
  useEffect(() => {
    const dialog = ref.current!;
    const opener = document.activeElement;
    if (!dialog.open) dialog.showModal();
    // By itself the browser takes the first button, which is the one that closes.
    firstOf(body.current!)?.focus();
    return () => {
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);
  useEffect(() => {
    if (asking) stay.current?.focus();
  }, [asking]);

  const question = loses ?? 'Throw away what you have filled in?';
  /** The ways out that may be an accident. Buttons of the form itself mean it. */
  const leave = () => {
    if (loses !== null || [...changed.current].some(holdsWords)) setAsking(true);
    else onClose();
  };
  return (
    <dialog
      ref={ref}
      aria-labelledby={titleId}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || event.defaultPrevented) return;
        // Left to the browser, a second Escape in a row would close it whatever we say.
        event.preventDefault();
        if (asking) setAsking(false);
        else leave();
      }}
      onCancel={(event) => {
        // Of a file chooser inside it too, which is none of ours.
        if (event.target !== ref.current) return;
        event.preventDefault();
        leave();
      }}
      onInput={(event) => {
        const field = event.target as HTMLInputElement;
        if (!field.closest('[data-passing]')) changed.current.add(field);
      }}
      onClick={(event) => {
        if (event.target === ref.current && !sticky) leave();
      }}
      className={`m-auto w-[calc(100vw-1.5rem)] ${wide ? 'max-w-180' : 'max-w-130'} max-h-[calc(100dvh-1.5rem)] overflow-auto rounded-lg border border-line-strong bg-panel p-0 text-left text-text outline-none`}
    >
      <div className="sticky top-0 z-10 border-b border-line bg-panel">
        <div className="flex items-center justify-between gap-4 py-3 pr-3 pl-5">
          <h2 id={titleId} className="min-w-0 text-base font-semibold wrap-anywhere">
            {title}
          </h2>
          <IconButton label="Close" onClick={leave}>
            <X size={16} aria-hidden />
          </IconButton>
        </div>
        {asking && (
          <div
            role="alertdialog"
            aria-label={question}
            data-testid="dialog-asks"
            className="flex flex-wrap items-center justify-end gap-2 border-t border-l-4 border-t-line border-l-warn bg-panel px-5 py-2"
          >
            <p className="mr-auto text-sm">{question}</p>
            <Button small ref={stay} onClick={() => setAsking(false)}>
              {loses === null ? 'Keep it' : 'Go back'}
            </Button>
            <Button small look="danger" data-testid="dialog-discard" onClick={onClose}>
              {loses === null ? 'Throw away' : 'Close'}
            </Button>
          </div>
        )}
      </div>
      <div ref={body} className="p-5">
        {children}
      </div>
    </dialog>
  );
}
