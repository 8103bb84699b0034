import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';

export interface MenuItem {
  label: string;
  icon?: ReactNode;
  danger?: boolean;
  onSelect(): void;
}

interface Props {
  label: string;
  trigger: ReactNode;
  items: MenuItem[];
  /** An icon in a row of others. */
  small?: boolean;
}

/** A drop-down menu on the platform's popover: light dismiss and Escape for nothing, arrows by hand. */
export function Menu({ label, trigger, items, small = false }: Props) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState(false);

  useEffect(() => {
    const popover = list.current!;
    const onToggle = (event: Event) => {
      const opened = (event as ToggleEvent).newState === 'open';
      setOpen(opened);
      if (!opened) return;
      const box = button.current!.getBoundingClientRect();
      popover.style.top = `${box.bottom + 4}px`;
      popover.style.left = `${Math.max(8, Math.min(box.left, box.right - popover.offsetWidth, innerWidth - popover.offsetWidth - 8))}px`;
      popover.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    };
    const close = () => popover.hidePopover();
    popover.addEventListener('toggle', onToggle);
    window.addEventListener('scroll', close, { passive: true });
    window.addEventListener('resize', close);
    return () => {
      popover.removeEventListener('toggle', onToggle);
      window.removeEventListener('scroll', close);
      window.removeEventListener('resize', close);
    };
  }, []);

  const onKeyDown = (event: KeyboardEvent) => {
    const all = [...list.current!.querySelectorAll<HTMLElement>('[role=menuitem]')];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to =
      event.key === 'ArrowDown'
        ? at + 1
        : event.key === 'ArrowUp'
          ? at - 1
          : event.key === 'Home'
            ? 0
            : event.key === 'End'
              ? -1
              : null;
    if (event.key === 'Tab') list.current!.hidePopover();
    if (to === null) return;
    event.preventDefault();
    all.at(to % all.length)?.focus();
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        popoverTarget={id}
        aria-haspopup="menu"
        aria-expanded={open}
        aria-label={label}
        title={small ? label : undefined}
        className={
          small
            ? 'inline-flex size-7 shrink-0 items-center justify-center rounded-md text-dim transition hover:bg-hover hover:text-text pointer-coarse:size-9'
            : 'inline-flex h-8 shrink-0 items-center gap-2 rounded-md border border-line-strong bg-raised px-3 text-sm transition hover:bg-hover pointer-coarse:h-10'
        }
      >
        {trigger}
      </button>
      <div
        ref={list}
        id={id}
        popover="auto"
        role="menu"
        aria-label={label}
        onKeyDown={onKeyDown}
        className="fixed m-0 min-w-44 rounded-lg border border-line-strong bg-raised p-1 text-text"
      >
        {items.map((item) => (
          <button
            key={item.label}
            type="button"
            role="menuitem"
            tabIndex={-1}
            onClick={() => {
              list.current!.hidePopover();
              item.onSelect();
            }}
            className={`flex h-8 w-full items-center gap-3 rounded-sm px-2 text-left text-sm hover:bg-hover focus-visible:bg-hover focus-visible:outline-none pointer-coarse:h-10 ${
              item.danger ? 'text-bad' : ''
            }`}
          >
            {item.icon}
            {item.label}
          </button>
        ))}
      </div>
    </>
  );
}
