/**
 * Colours of terminal output, as names of our own styles: never as CSS or HTML of the sender. All colours
 * are brought down to the sixteen of the theme, so that none can make text unreadable or hide it.
 */
export interface Style {
  /** 0 to 15, or null for the terminal's own. */
  fg: number | null;
  bg: number | null;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  strike: boolean;
  inverse: boolean;
}

export interface Span {
  text: string;
  style: Style;
}

export const PLAIN: Style = {
  fg: null,
  bg: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  strike: false,
  inverse: false,
};

// Every escape sequence there is: CSI, OSC and its kin up to their end, and two-byte ones.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject.
const ESCAPE = /\x1b(?:\[([0-?]*)([ -/]*)([@-~])|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~]|$)/g;
// Other control characters, and the marks that turn the direction of text around.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the subject.
const HIDDEN = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** The sixteen, as sRGB, to find the nearest of them. */
const SIXTEEN: readonly (readonly [number, number, number])[] = [
  [0, 0, 0],
  [205, 49, 49],
  [13, 188, 121],
  [229, 229, 16],
  [36, 114, 200],
  [188, 63, 188],
  [17, 168, 205],
  [204, 204, 204],
  [102, 102, 102],
  [241, 76, 76],
  [35, 209, 139],
  [245, 245, 67],
  [59, 142, 234],
  [214, 112, 214],
  [41, 184, 219],
  [255, 255, 255],
];

function nearest(r: number, g: number, b: number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  SIXTEEN.forEach(([r2, g2, b2], index) => {
    const distance = (r - r2) ** 2 + (g - g2) ** 2 + (b - b2) ** 2;
    if (distance < least) {
      least = distance;
      best = index;
    }
  });
  return best;
}

function from256(code: number): number | null {
  if (!(code >= 0 && code <= 255)) return null;
  if (code < 16) return code;
  if (code >= 232) {
    const grey = (code - 232) * 10 + 8;
    return nearest(grey, grey, grey);
  }
  const level = (part: number) => (part === 0 ? 0 : part * 40 + 55);
  const cube = code - 16;
  return nearest(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}

/** The style after one `ESC [ … m`. */
export function applySgr(style: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map((code) => (code === '' ? 0 : Number(code)));
  let next = { ...style };
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i]!;
    if (code === 0) next = { ...PLAIN };
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 7) next.inverse = true;
    else if (code === 9) next.strike = true;
    else if (code === 22) next.bold = next.dim = false;
    else if (code === 23) next.italic = false;
    else if (code === 24) next.underline = false;
    else if (code === 27) next.inverse = false;
    else if (code === 29) next.strike = false;
    else if (code >= 30 && code <= 37) next.fg = code - 30;
    else if (code === 39) next.fg = null;
    else if (code >= 40 && code <= 47) next.bg = code - 40;
    else if (code === 49) next.bg = null;
    else if (code >= 90 && code <= 97) next.fg = code - 82;
    else if (code >= 100 && code <= 107) next.bg = code - 92;
    else if (code === 38 || code === 48) {
      const kind = codes[i + 1];
      let color: number | null = null;
      if (kind === 5) {
        color = from256(codes[i + 2] ?? -1);
        i += 2;
      } else if (kind === 2) {
        color = nearest(codes[i + 2] ?? 0, codes[i + 3] ?? 0, codes[i + 4] ?? 0);
        i += 4;
      }
      if (code === 38) next.fg = color;
      else next.bg = color;
    }
  }
  return next;
}

/** A line taken apart, and the style that the next one begins with. */
export function parseLine(raw: string, open: Style): { spans: Span[]; after: Style } {
  const spans: Span[] = [];
  let style = open;
  let at = 0;
  const add = (text: string) => {
    if (text === '') return;
    const clean = text.replace(HIDDEN, '␦');
    const last = spans.at(-1);
    if (last && last.style === style) last.text += clean;
    else spans.push({ text: clean, style });
  };
  for (const match of raw.matchAll(ESCAPE)) {
    add(raw.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[3] === 'm' && match[2] === '' && !/[<-?]/.test(match[1] ?? '')) {
      style = applySgr(style, match[1] ?? '');
    }
  }
  add(raw.slice(at));
  return { spans, after: style };
}

/** The words alone. */
export function plain(raw: string): string {
  return raw.includes('\x1b') || raw.search(HIDDEN) >= 0 ? raw.replace(ESCAPE, '').replace(HIDDEN, '␦') : raw;
}

/** Names of our own classes for a style. */
export function classesOf(style: Style): string {
  const names: string[] = [];
  if (style.fg !== null) names.push(`ansi-${style.fg}`);
  if (style.bg !== null) names.push(`ansi-bg-${style.bg}`);
  if (style.bold) names.push('font-semibold');
  if (style.dim) names.push('opacity-70');
  if (style.italic) names.push('italic');
  if (style.underline) names.push('underline');
  if (style.strike) names.push('line-through');
  if (style.inverse) names.push('ansi-inverse');
  return names.join(' ');
}
