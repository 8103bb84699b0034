import { PLAIN, parseLine, plain, type Span, type Style } from '../lib/ansi';

/** One line of a job's output, or the place where some were left out. */
export interface OutputLine {
  /** Of its first byte in the output. */
  at: number;
  raw: string;
  /** The style that it begins with. */
  open: Style;
  /** Bytes that were not kept between the head and the tail. */
  cut?: number;
}

/** A longer line is shown as several: the browser should never lay out a megabyte at once. */
export const LINE_CHARS_MAX = 4_000;

const encoder = new TextEncoder();

export function utf8Length(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code < 0x80) bytes += 1;
    else if (code < 0x800) bytes += 2;
    // Two halves of a pair are four bytes.
    else if (code >= 0xd800 && code <= 0xdfff) bytes += 2;
    else bytes += 3;
  }
  return bytes;
}

/** `text` without its first `bytes` bytes. */
function withoutBytes(text: string, bytes: number): string {
  return new TextDecoder().decode(encoder.encode(text).subarray(bytes));
}

/** What a line shows of itself: a progress line that was written over and over shows its last state. */
function lastState(raw: string): string {
  const trimmed = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
  const at = trimmed.lastIndexOf('\r');
  return at < 0 ? trimmed : trimmed.slice(at + 1);
}

/**
 * The output of a job as lines, in order and without holes. Pure: fed by whoever follows the job.
 * Bounded by what the server keeps of a job.
 */
export class OutputLog {
  readonly lines: OutputLine[] = [];
  /** One past the last byte that is here. */
  next = 0;
  /** The line under way, not yet ended. */
  private tail = '';
  private tailAt = 0;
  private tailShown = false;
  private open: Style = PLAIN;

  /** False when there is a hole before `from`: it has to be fetched first. */
  append(from: number, text: string): boolean {
    if (from > this.next) return false;
    const fresh = from < this.next ? withoutBytes(text, this.next - from) : text;
    if (fresh === '') return true;
    this.next += utf8Length(fresh);
    this.dropTail();
    const parts = (this.tail + fresh).split('\n');
    let at = this.tailAt;
    for (const part of parts.slice(0, -1)) {
      this.push(at, part);
      at += utf8Length(part) + 1;
    }
    this.tail = parts.at(-1)!;
    this.tailAt = at;
    if (this.tail !== '') {
      // Shown as it stands; taken back when more of it comes.
      const style = this.open;
      this.push(at, this.tail);
      this.open = style;
      this.tailShown = true;
    }
    return true;
  }

  /** The server kept nothing between here and `from`. */
  skipTo(from: number): void {
    if (from <= this.next) return;
    this.tailShown = false;
    this.lines.push({ at: this.next, raw: '', open: PLAIN, cut: from - this.next });
    this.next = from;
    this.tail = '';
    this.tailAt = from;
    this.open = PLAIN;
  }

  /** The lines that begin in this part of the output, as indices: first and one past the last. */
  between(from: number, to: number): [number, number] {
    return [this.indexAt(from), this.indexAt(to)];
  }

  /** The first line that begins at this byte or later. */
  indexAt(at: number): number {
    let low = 0;
    let high = this.lines.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.lines[middle]!.at < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  text(): string {
    return this.lines.map(lineText).join('\n');
  }

  private dropTail(): void {
    if (!this.tailShown) return;
    while (this.lines.length > 0 && this.lines.at(-1)!.at >= this.tailAt) this.lines.pop();
    this.tailShown = false;
  }

  private push(at: number, part: string): void {
    const raw = lastState(part);
    for (let begin = 0; begin === 0 || begin < raw.length; begin += LINE_CHARS_MAX) {
      const piece = raw.length <= LINE_CHARS_MAX ? raw : raw.slice(begin, begin + LINE_CHARS_MAX);
      const line = { at, raw: piece, open: this.open };
      this.lines.push(line);
      if (piece.includes('\x1b')) this.open = parseLine(piece, this.open).after;
    }
  }
}

export function spansOf(line: OutputLine): Span[] {
  return parseLine(line.raw, line.open).spans;
}

export function lineText(line: OutputLine): string {
  return line.cut ? cutWords(line.cut) : plain(line.raw);
}

export function cutWords(bytes: number): string {
  return `… ${bytes} bytes were not kept …`;
}

export interface Found {
  line: number;
  from: number;
  to: number;
}

const FOUND_MAX = 5_000;

/** Where `query` is, letter case aside. */
export function search(lines: readonly OutputLine[], query: string): Found[] {
  const wanted = query.toLowerCase();
  const found: Found[] = [];
  if (wanted === '') return found;
  for (let line = 0; line < lines.length; line += 1) {
    const text = lineText(lines[line]!).toLowerCase();
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) {
      found.push({ line, from: at, to: at + wanted.length });
      if (found.length >= FOUND_MAX) return found;
    }
  }
  return found;
}
