import KeyRound from 'lucide-react/icons/key-round';
import { type FormEvent, useEffect, useState } from 'react';
import { useSearch } from 'wouter';
import { ApiError, api, asApiError } from '../../api/client';
import type { Login, PasskeyQuestion } from '../../api/schema';
import { isFirstVisit, login, useSession } from '../../api/session';
import { safeNext } from '../../lib/url-state';
import { noPasskeys, passkeyTrouble, showPasskey } from '../../lib/webauthn';
import { useNow } from '../../live/store';
import { Button } from '../../ui/button';
import { CodeField } from '../../ui/code-field';
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
  // The password was right, and a second factor is wanted.
  const [second, setSecond] = useState<{ app: boolean; passkey: PasskeyQuestion | null } | null>(null);
  const [code, setCode] = useState('');
  const session = useSession();
  // Where they were: with the way back in the address.
  const back = safeNext(new URLSearchParams(useSearch()).get('next')) !== '/';
  const now = useNow(250);
  const waitS = Math.max(0, Math.ceil((waitUntil - now) / 1000));

  useEffect(() => {
    document.title = 'Sign in · Stardust';
  }, []);

  async function go(make: () => Promise<Login>) {
    if (busy || waitS > 0) return;
    setBusy(true);
    setError(null);
    try {
      await login(await make());
    } catch (cause) {
      const words = passkeyTrouble(cause);
      const problem = words === null ? asApiError(cause) : new ApiError(0, 'passkey', words, '');
      if (problem.kind === 'factor_needed') {
        const { factors, passkey } = problem.body as { factors?: string[]; passkey?: PasskeyQuestion };
        setSecond({ app: factors?.includes('totp') ?? true, passkey: passkey ?? null });
        setCode('');
      } else setError(problem);
      if (problem.retryAfterS) setWaitUntil(Date.now() + problem.retryAfterS * 1000);
      setBusy(false);
    }
  }
  function submit(event: FormEvent) {
    event.preventDefault();
    const known = { username: user, password };
    void go(async () => (second ? { ...known, code: code.trim() } : known));
  }
  const asked = second?.passkey ?? null;

  return (
    <Frame title="Stardust" line="Ground Control to Major Tom…">
      <form onSubmit={submit} className="panel grid gap-4 p-5">
        {second ? null : session.phase === 'out' && session.ended ? (
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
        {second && (
          <p role="status" data-testid="second-factor" className="text-sm text-dim">
            <span className="font-semibold text-text">The password is right.</span> Now the{' '}
            {second.app ? 'code of your authenticator app' : 'second factor'}
            {asked && noPasskeys() === null ? ', or your passkey.' : ', or a recovery code.'}
          </p>
        )}
        {second && <CodeField value={code} testId="login-code" autoFocus onChange={setCode} />}
        {!second && (
          <>
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
          </>
        )}
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
        {noPasskeys() === null && (!second || asked) && (
          <Button
            data-testid="login-passkey"
            disabled={busy || waitS > 0}
            className="h-9"
            onClick={() =>
              void go(async () =>
                asked
                  ? { username: user, password, passkey: await showPasskey(asked) }
                  : { passkey: await showPasskey(await api.askPasskey(), true) },
              )
            }
          >
            <KeyRound size={14} aria-hidden />
            {second ? 'Show the passkey' : 'With a passkey'}
          </Button>
        )}
        {second && (
          <Button
            look="quiet"
            small
            onClick={() => {
              setSecond(null);
              setPassword('');
              setError(null);
            }}
          >
            As somebody else
          </Button>
        )}
      </form>
    </Frame>
  );
}
