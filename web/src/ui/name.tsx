import { displayName } from '../lib/names';

/** A name from outside: text that can neither hide, nor break the layout, nor turn the words around it. */
export function Name({ text, max }: { text: string; max?: number }) {
  return <bdi>{displayName(text, max)}</bdi>;
}
