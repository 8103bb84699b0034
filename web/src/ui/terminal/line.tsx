import { classesOf } from '../../lib/ansi';
import { cutWords, type OutputLine, spansOf } from '../../live/output';
import { highlight, type Range } from './highlight';

const NONE: readonly Range[] = [];

/** One line of output: text nodes and our own class names, whatever it holds. */
export function Line({ line, ranges = NONE }: { line: OutputLine; ranges?: readonly Range[] }) {
  if (line.cut) return <span className="text-faint italic">{cutWords(line.cut)}</span>;
  const spans = spansOf(line);
  if (spans.length === 0) return ' ';
  return highlight(spans, ranges).map((piece, index) => {
    const className = classesOf(piece.style);
    if (piece.hit === 'no') {
      return (
        // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a line have no names.
        <span key={index} className={className || undefined}>
          {piece.text}
        </span>
      );
    }
    return (
      <mark
        // biome-ignore lint/suspicious/noArrayIndexKey: the pieces of a line have no names.
        key={index}
        className={piece.hit === 'current' ? 'bg-warn text-ink' : 'bg-warn/35 text-text'}
      >
        {piece.text}
      </mark>
    );
  });
}
