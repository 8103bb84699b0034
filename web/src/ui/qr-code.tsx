import { useMemo } from 'react';
import { qrCode } from '../lib/qr';

/** Light around it, without which readers don't find it. */
const QUIET = 4;

/** Black on white in both themes: readers are used to that. Nothing where it is too long. */
export function QrCode({ text, label }: { text: string; label: string }) {
  const drawn = useMemo(() => {
    const code = qrCode(text);
    if (!code) return null;
    let path = '';
    code.forEach((row, y) => {
      row.forEach((dark, x) => {
        if (dark) path += `M${x + QUIET} ${y + QUIET}h1v1h-1z`;
      });
    });
    return { path, size: code.length + QUIET * 2 };
  }, [text]);
  if (!drawn) return null;
  return (
    <svg
      role="img"
      aria-label={label}
      data-testid="qr-code"
      viewBox={`0 0 ${drawn.size} ${drawn.size}`}
      shapeRendering="crispEdges"
      className="size-48 shrink-0 rounded-md border border-line"
    >
      <rect width={drawn.size} height={drawn.size} fill="#ffffff" />
      <path d={drawn.path} fill="#000000" />
    </svg>
  );
}
