import type { ReactNode } from 'react';
import { CopyButton } from '../../ui/copy';

interface Props {
  /** Name and value, in the order in which they are read. */
  lines: readonly (readonly [string, string])[];
  /** Which of them goes by itself into the clipboard: all of them without it. */
  copy?: string;
  copyLabel?: string;
  children?: ReactNode;
}

/** What is shown once, to be handed on or kept. */
export function Handover({ lines, copy, copyLabel, children }: Props) {
  const text = lines.map(([label, value]) => `${label}: ${value}`).join('\n');
  return (
    <div className="grid grid-cols-1 gap-3 rounded-md border border-line-strong bg-ink p-3">
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] items-baseline gap-x-4 gap-y-1.5 text-sm">
        {lines.map(([label, value]) => (
          <div key={label} className="contents">
            <dt className="text-xs text-faint">{label}</dt>
            <dd
              className="font-mono text-sm wrap-anywhere select-all"
              data-testid={`handover-${label.toLowerCase().replaceAll(' ', '-')}`}
            >
              {value}
            </dd>
          </div>
        ))}
      </dl>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <span className="text-xs text-faint">{children}</span>
        <CopyButton text={copy ?? text} label={copyLabel ?? 'Copy'} />
      </div>
    </div>
  );
}
