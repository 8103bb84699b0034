/** What holds something that a person has put in: text that was typed, a file, a tick that was changed. */
export interface Filled {
  type: string;
  value: string;
  isConnected: boolean;
}

/** Ticks and choices are quickly made again; typed words are not. */
export function holdsWords(field: Filled): boolean {
  if (!field.isConnected) return false;
  if (field.type === 'checkbox' || field.type === 'radio' || field.type === 'search') return false;
  return field.value.trim() !== '';
}
