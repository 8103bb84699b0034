import { type InputHTMLAttributes, type ReactNode, useId } from 'react';

interface Props
  extends Pick<InputHTMLAttributes<HTMLInputElement>, 'placeholder' | 'required' | 'maxLength' | 'type'> {
  label: ReactNode;
  /** Behind the label, quieter. */
  aside?: string;
  note?: string;
  testId?: string;
  value: string;
  onChange(text: string): void;
}

/** A line of text that no browser completes or corrects: names, tags, addresses. */
export function TextField({ label, aside, note, testId, value, onChange, ...input }: Props) {
  const id = useId();
  return (
    <div className="grid content-start gap-1">
      <label htmlFor={id} className="text-sm text-dim">
        {label} {aside && <span className="text-faint">({aside})</span>}
      </label>
      <input
        {...input}
        id={id}
        className="field"
        data-testid={testId}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        value={value}
        aria-describedby={note && `${id}-note`}
        onChange={(event) => onChange(event.target.value)}
      />
      {note && (
        <span id={`${id}-note`} className="text-xs text-faint">
          {note}
        </span>
      )}
    </div>
  );
}
