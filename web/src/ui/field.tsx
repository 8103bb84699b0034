import type { ReactNode } from 'react';

interface FieldProps {
  label: string;
  note?: string;
  children: ReactNode;
}

export function Field({ label, note, children }: FieldProps) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child.
    <label className="grid gap-1">
      <span className="text-sm text-dim">{label}</span>
      {children}
      {note && <span className="text-xs text-faint">{note}</span>}
    </label>
  );
}
