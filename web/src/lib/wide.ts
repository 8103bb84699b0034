import { useSyncExternalStore } from 'react';

/** As `sm` of the style sheet: everything but phones held upright. */
const wide = matchMedia('(min-width: 40rem)');

export function useWide(): boolean {
  return useSyncExternalStore(
    (notify) => {
      wide.addEventListener('change', notify);
      return () => wide.removeEventListener('change', notify);
    },
    () => wide.matches,
  );
}
