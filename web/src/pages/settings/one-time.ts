/** Without what is mistaken for something else when it is read from a note: i, l, o, 0, 1. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789';
const GROUPS = 4;
const GROUP_CHARS = 4;

/** A password for one login: 16 of 31 characters, 79 bits. `random` gives bytes that nobody can guess. */
export function oneTimePassword(
  random = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)),
): string {
  // What is above the last multiple would make some letters likelier than others.
  const limit = 256 - (256 % LETTERS.length);
  let chars = '';
  while (chars.length < GROUPS * GROUP_CHARS) {
    for (const byte of random(GROUPS * GROUP_CHARS)) {
      if (byte < limit && chars.length < GROUPS * GROUP_CHARS) chars += LETTERS[byte % LETTERS.length];
    }
  }
  return chars.match(new RegExp(`.{${GROUP_CHARS}}`, 'g'))!.join('-');
}
