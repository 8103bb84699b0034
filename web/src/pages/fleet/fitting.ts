/** How much room a text takes, in narrow characters: those of East Asia and pictures take two. */
function widthOf(text: string): number {
  let width = 0;
  for (const char of text) width += char.codePointAt(0)! >= 0x1100 && !/\p{M}/u.test(char) ? 2 : 1;
  return width;
}

/** The box around a tag, and the space to the next. */
const FRAME = 3;
const TAG_MAX = 20;

/** How many tags fit, whole, into `room` narrow characters, with a count of the others where there are some. */
export function tagsThatFit(tags: readonly string[], room: number): number {
  let used = 0;
  for (let index = 0; index < tags.length; index += 1) {
    used += Math.min(widthOf(tags[index]!), TAG_MAX) + FRAME;
    const others = tags.length - index - 1;
    if (used + (others > 0 ? String(others).length + 2 : 0) > room) return index;
  }
  return tags.length;
}

/** What a name leaves to its tags on a line of `room` narrow characters. */
export function roomBeside(name: string, room: number): number {
  return Math.max(4, room - widthOf(name));
}
