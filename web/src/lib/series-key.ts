export { displayName } from './names';

/** `net.rx_bytes{iface=eth0}` taken apart. Label values may hold anything: `\` escapes, control characters as \xNN. */
export interface SeriesKey {
  name: string;
  labels: Record<string, string>;
}

/** Null for a key that does not follow the grammar: the Capsule leaves such a series out. */
export function parseSeriesKey(key: string): SeriesKey | null {
  const open = key.indexOf('{');
  if (open < 0) return key.length > 0 && !key.includes('}') ? { name: key, labels: {} } : null;
  if (open === 0) return null;
  const labels: Record<string, string> = Object.create(null) as Record<string, string>;
  let label: string | null = null;
  let text = '';
  let at = open + 1;
  for (; at < key.length; at += 1) {
    const char = key[at]!;
    if (char === '\\') {
      const next = key[at + 1];
      if (next === undefined) return null;
      if (next === 'x') {
        const code = key.slice(at + 2, at + 4);
        if (!/^[0-9a-fA-F]{2}$/.test(code)) return null;
        text += String.fromCharCode(Number.parseInt(code, 16));
        at += 3;
      } else {
        text += next;
        at += 1;
      }
    } else if (char === '=' && label === null) {
      label = text;
      text = '';
    } else if (char === ',' || char === '}') {
      if (label === null || label === '') return null;
      labels[label] = text;
      label = null;
      text = '';
      if (char === '}') return at === key.length - 1 ? { name: key.slice(0, open), labels } : null;
    } else if (char === '{' || char === '=') {
      return null;
    } else {
      text += char;
    }
  }
  return null;
}
