import { type FormEvent, useState } from 'react';
import { type ApiError, asApiError } from '../../api/client';
import { changePassword } from '../../api/session';
import { Button } from '../../ui/button';
import { Field } from '../../ui/field';
import { Problem } from '../../ui/problem';

const CHARS_MIN = 10;
const BYTES_MAX = 1024;

/** What speaks against a new password, before the server is asked; null when nothing does. */
export function passwordObjection(next: string, user: string): string | null {
  if ([...next].length < CHARS_MIN) return `At least ${CHARS_MIN} characters.`;
  if (new TextEncoder().encode(next).length > BYTES_MAX) return `At most ${BYTES_MAX} bytes.`;
  if (next.toLowerCase() === user.toLowerCase()) return 'Not the user name.';
  return null;
}

interface Props {
  user: string;
  submitLabel: string;
  onDone(): void;
}

export function PasswordForm({ user, submitLabel, onDone }: Props) {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [repeat, setRepeat] = useState('');
  const [busy, setBusy] = useState(false);
  const [tried, setTried] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const objection = passwordObjection(next, user);
  const differs = next !== repeat;

  async function submit(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (busy || objection || differs) return;
    setBusy(true);
    setError(null);
    try {
      await changePassword(current, next);
      setCurrent('');
      setNext('');
      setRepeat('');
      setTried(false);
      onDone();
    } catch (cause) {
      setError(asApiError(cause));
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit} className="grid gap-4">
      {/* For password managers: whose password this is. */}
      <input type="text" name="username" autoComplete="username" value={user} readOnly hidden />
      <Field label="Current password">
        <input
          className="field"
          data-testid="current-password"
          type="password"
          autoComplete="current-password"
          required
          value={current}
          onChange={(event) => setCurrent(event.target.value)}
        />
      </Field>
      <Field
        label="New password"
        note={tried && objection ? undefined : 'At least 10 characters. Four random words do well.'}
      >
        <input
          className="field"
          data-testid="new-password"
          type="password"
          autoComplete="new-password"
          required
          aria-invalid={tried && objection !== null}
          value={next}
          onChange={(event) => setNext(event.target.value)}
        />
        {tried && objection && <span className="text-xs text-bad">{objection}</span>}
      </Field>
      <Field label="New password, again">
        <input
          className="field"
          data-testid="new-password-repeat"
          type="password"
          autoComplete="new-password"
          required
          aria-invalid={tried && differs}
          value={repeat}
          onChange={(event) => setRepeat(event.target.value)}
        />
        {tried && differs && <span className="text-xs text-bad">The two differ.</span>}
      </Field>
      {error && <Problem error={error} />}
      <Button look="primary" type="submit" data-testid="password-submit" disabled={busy} className="h-9">
        {busy ? 'Changing…' : submitLabel}
      </Button>
    </form>
  );
}
