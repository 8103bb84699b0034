import { useEffect, useRef } from 'react';

const CHORD_MS_MAX = 1_000;

/** Carried to the fleet page by `/` from elsewhere: begin in the search field. */
export const SEARCH_STATE = 'search';

export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** Keys for the whole page: `/` or chords such as `g f`. Silent while someone types or a dialog is open. */
export function useShortcuts(shortcuts: Record<string, () => void>): void {
  const current = useRef(shortcuts);
  useEffect(() => {
    current.current = shortcuts;
  });
  useEffect(() => {
    let before = { key: '', at: 0 };
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (isTyping(event.target) || document.querySelector('dialog[open], :popover-open')) return;
      const chord = event.timeStamp - before.at < CHORD_MS_MAX ? `${before.key} ${event.key}` : '';
      const action = current.current[chord] ?? current.current[event.key];
      before = { key: event.key, at: event.timeStamp };
      if (!action) return;
      event.preventDefault();
      action();
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, []);
}
