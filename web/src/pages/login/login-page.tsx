import { type FormEvent, useEffect, useState } from 'react';
import { useSearch } from 'wouter';
import { type ApiError, asApiError } from '../../api/client';
import { isFirstVisit, login, useSession } from '../../api/session';
import { safeNext } from '../../lib/url-state';
import { useNow } from '../../live/store';
import { Button } from '../../ui/button';
import { Field } from '../../ui/field';
import { Problem } from '../../ui/problem';
import { endWords } from './end-words';
import { Frame } from './frame';

export function LoginPage() {
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [waitUntil, setWaitUntil] = useState(0);
  const session = useSession();
  // Where they were: with the way back in the address.
  const back = safeNext(new URLSearchParams(useSearch()).get('next')) !== '/';
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
        {session.phase === 'out' && session.ended ? (
          <p role="status" data-testid="session-ended" className="text-sm text-dim">
            <span className="font-semibold text-text">{endWords(session.said).what}</span>{' '}
            {endWords(session.said).why} Sign in again{back ? ', and you are back where you were.' : '.'}
          </p>
        ) : (
          isFirstVisit() && (
            <p data-testid="first-visit" className="text-sm text-dim">
              The first time? Ground Control names the user and the password to begin with where it was
              started, in its terminal or its log. On its own machine that is{' '}
              <code className="font-mono text-xs text-text">admin</code> with{' '}
              <code className="font-mono text-xs text-text">admin</code>, unless others were given.
            </p>
          )
        )}
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
