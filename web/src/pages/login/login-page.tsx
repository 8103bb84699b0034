import { type FormEvent, useEffect, useState } from 'react';
import { type ApiError, asApiError } from '../../api/client';
import { login } from '../../api/session';
import { useNow } from '../../live/store';
import { Button } from '../../ui/button';
import { Field } from '../../ui/field';
import { Problem } from '../../ui/problem';
import { Frame } from './frame';

export function LoginPage() {
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [waitUntil, setWaitUntil] = useState(0);
  const now = useNow(250);
  const waitS = Math.max(0, Math.ceil((waitUntil - now) / 1000));

  useEffect(() => {
    document.title = 'Sign in · Stardust';
  }, []);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy || waitS > 0) return;
    setBusy(true);
    setError(null);
    try {
      await login(user, password);
    } catch (cause) {
      const problem = asApiError(cause);
      setError(problem);
      if (problem.retryAfterS) setWaitUntil(Date.now() + problem.retryAfterS * 1000);
      setBusy(false);
    }
  }

  return (
    <Frame title="Stardust" line="Ground Control to Major Tom…">
      <form onSubmit={submit} className="panel grid gap-4 p-5">
        <Field label="User">
          <input
            className="field"
            data-testid="login-user"
            name="username"
            autoComplete="username"
            autoCapitalize="none"
            spellCheck={false}
            // biome-ignore lint/a11y/noAutofocus: the page has one purpose.
            autoFocus
            required
            value={user}
            onChange={(event) => setUser(event.target.value)}
          />
        </Field>
        <Field label="Password">
          <input
            className="field"
            data-testid="login-password"
            name="password"
            type="password"
            autoComplete="current-password"
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
          />
        </Field>
        {error && <Problem error={error} />}
        <Button
          look="primary"
          type="submit"
          data-testid="login-submit"
          disabled={busy || waitS > 0}
          className="h-9"
        >
          {waitS > 0 ? `Wait ${waitS} s` : busy ? 'Signing in…' : 'Sign in'}
        </Button>
      </form>
    </Frame>
  );
}
