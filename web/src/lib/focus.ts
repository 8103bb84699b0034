const FIELD = 'input:not([type=checkbox], [type=radio], [type=file], :disabled), textarea:not(:disabled)';

function firstVisible(within: HTMLElement, wanted: string): HTMLElement | null {
  return [...within.querySelectorAll<HTMLElement>(wanted)].find((one) => one.checkVisibility()) ?? null;
}

/** The first field that can be typed into. */
export function firstField(within: HTMLElement): HTMLElement | null {
  return firstVisible(within, FIELD);
}

/** Where someone goes on in a dialog: the first field, else what sends its form, else any button. */
export function firstOf(within: HTMLElement): HTMLElement | null {
  return (
    firstField(within) ??
    firstVisible(within, 'button[type=submit]:not(:disabled)') ??
    firstVisible(within, 'button:not(:disabled)')
  );
}
