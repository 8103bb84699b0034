import { Field } from './field';

interface Props {
  label?: string;
  value: string;
  testId: string;
  note?: string;
  /** Of an authenticator app: digits, which the browser may fill in from elsewhere. */
  digits?: boolean;
  invalid?: boolean;
  autoFocus?: boolean;
  onChange(code: string): void;
}

/** A code of an authenticator app, or one of those for when it is lost. */
export function CodeField({
  label = 'Code',
  value,
  testId,
  note,
  digits = true,
  invalid = false,
  autoFocus = false,
  onChange,
}: Props) {
  return (
    <Field label={label} note={note}>
      <input
        className="field font-mono tracking-wider"
        data-testid={testId}
        name="code"
        autoComplete={digits ? 'one-time-code' : 'off'}
        inputMode={digits ? 'numeric' : 'text'}
        aria-invalid={invalid}
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
