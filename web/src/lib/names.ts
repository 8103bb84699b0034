/**
 * Names, reasons and outputs come from machines and people that we do not trust. They are shown as text, and
 * nothing in them may hide, turn what stands around them, or grow over it.
 */
const HIDDEN = new RegExp(
  [
    // Control characters of both halves, the soft hyphen, and marks that turn the direction of text.
    '[\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u206f]',
    // Separators of lines and paragraphs, and what has no width.
    '[\\u2028\\u2029\\u200b-\\u200d\\u2060-\\u2065\\u115f\\u1160\\u3164\\uffa0\\ufeff\\ufff9-\\ufffb]',
    // Halves of surrogate pairs, tags, and selectors of variants beyond the ones that emoji use.
    '[\\ud800-\\udfff\\u{e0000}-\\u{e0fff}]',
  ].join('|'),
  'u',
);
/** More marks than this above and below one letter are there to cover other lines. */
const MARKS_MAX = 3;
const MARK = /\p{M}/u;
const PICTURE = /\p{Extended_Pictographic}|\p{Emoji_Modifier}|\ufe0f/u;
const JOINER = '\u200d';

function shown(text: string, replacement: string): string[] {
  const chars = Array.from(text);
  const out: string[] = [];
  let marks = 0;
  chars.forEach((char, at) => {
    // Joined emoji are one picture.
    const joins =
      char === JOINER && at > 0 && PICTURE.test(chars[at - 1]!) && PICTURE.test(chars[at + 1] ?? '');
    if (HIDDEN.test(char) && !joins) {
      marks = 0;
      if (replacement) out.push(replacement);
      return;
    }
    marks = MARK.test(char) ? marks + 1 : 0;
    if (marks <= MARKS_MAX) out.push(char);
  });
  return out;
}

/** For showing: what is hidden made visible, and the length bounded, so that no name can break a layout. */
export function displayName(text: string, charsMax = 80): string {
  // Far longer texts than can be shown are not even looked through.
  const chars = shown(text.slice(0, charsMax * 8), '␦');
  return chars.length > charsMax ? `${chars.slice(0, charsMax - 1).join('')}…` : chars.join('');
}

/** What a person can type of a name: without anything hidden, and with single spaces. */
export function typedName(text: string): string {
  return shown(text.normalize('NFC'), '').join('').replace(/\s+/g, ' ').trim();
}

/** Whether `typed` is that name, as far as it can be typed. */
export function isTyped(typed: string, name: string): boolean {
  const wanted = typedName(name);
  return wanted === '' ? typed.trim() === NAMELESS : typedName(typed) === wanted;
}

/** What to type for a name that has nothing to be typed. */
export const NAMELESS = 'nameless';
