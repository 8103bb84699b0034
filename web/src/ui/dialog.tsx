import X from 'lucide-react/icons/x';
import { type ReactNode, useEffect, useId, useRef } from 'react';
import { firstOf } from '../lib/focus';
import { IconButton } from './button';

interface Props {
  title: string;
  onClose(): void;
  children: ReactNode;
  /** While something is under way or would be lost, a click outside does not close. */
  sticky?: boolean;
  /** For what needs room: steps, lists, output. */
  wide?: boolean;
}

/**
 * A modal on the platform's own <dialog>: focus is kept inside, Escape closes, the page behind is inert.
 * Rendered only while open.
 */
export function Dialog({ title, onClose, children, sticky = false, wide = false }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const body = useRef<HTMLDivElement>(null);
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
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape is the keyboard's way, by the platform.
    <dialog
      ref={ref}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={(event) => {
        if (event.target === ref.current && !sticky) onClose();
      }}
      className={`m-auto w-[calc(100vw-1.5rem)] ${wide ? 'max-w-180' : 'max-w-130'} max-h-[calc(100dvh-1.5rem)] overflow-auto rounded-lg border border-line-strong bg-panel p-0 text-text outline-none`}
    >
      <div className="sticky top-0 z-10 flex items-center justify-between gap-4 border-b border-line bg-panel py-3 pr-3 pl-5">
        <h2 id={titleId} className="text-base font-semibold">
          {title}
        </h2>
        <IconButton label="Close" onClick={onClose}>
          <X size={16} aria-hidden />
        </IconButton>
      </div>
      <div ref={body} className="p-5">
        {children}
      </div>
    </dialog>
  );
}
