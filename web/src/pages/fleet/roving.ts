import { type RefObject, useEffect } from 'react';
import { isTyping } from '../../lib/shortcuts';

/**
 * Arrows walk through the nodes in view (the list scrolls along), Enter opens, since each is a link.
 * `step` is how many items one line holds.
 */
export function useArrowWalk(box: RefObject<HTMLElement | null>, step: number): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
      const moves: Record<string, number> = {
        ArrowDown: step,
        ArrowUp: -step,
        ...(step > 1 ? { ArrowRight: 1, ArrowLeft: -1 } : {}),
        ...(isTyping(event.target) ? {} : { j: step, k: -step }),
      };
      const move = moves[event.key];
      if (move === undefined || !box.current) return;
      const typing = isTyping(event.target);
      // From the search field only the down arrow leads into the list.
      if (typing && event.key !== 'ArrowDown') return;
      const items = [...box.current.querySelectorAll<HTMLElement>('[data-roving]')];
      const order = items
        .map((item) => ({ item, box: item.getBoundingClientRect() }))
        .sort((a, b) => a.box.top - b.box.top || a.box.left - b.box.left)
        .map(({ item }) => item);
      const at = order.indexOf(document.activeElement as HTMLElement);
      const inView = order.find((item) => item.getBoundingClientRect().top >= 0) ?? order[0];
      const next = at < 0 || typing ? inView : order[at + move];
      if (!next) return;
      event.preventDefault();
      next.focus({ preventScroll: true });
      next.scrollIntoView({ block: 'nearest' });
    };
    window.addEventListener('keydown', onKeyDown);
    return () => window.removeEventListener('keydown', onKeyDown);
  }, [box, step]);
}
