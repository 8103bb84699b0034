import { Field } from './field';

interface Props {
  value: string;
  testId: string;
  note?: string;
  autoFocus?: boolean;
  onChange(code: string): void;
}

/** A code of an authenticator app, or one of those for when it is lost. */
export function CodeField({ value, testId, note, autoFocus = false, onChange }: Props) {
  return (
    <Field label="Code" note={note}>
      <input
        className="field font-mono tracking-wider"
        data-testid={testId}
        name="code"
        autoComplete="one-time-code"
        autoCapitalize="none"
        autoCorrect="off"
        spellCheck={false}
        maxLength={64}
        // biome-ignore lint/a11y/noAutofocus: it has taken the place of what was filled in before.
        autoFocus={autoFocus}
        required
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </Field>
  );
}
