import KeyRound from 'lucide-react/icons/key-round';
import { type FormEvent, useState } from 'react';
import { useSearch } from 'wouter';
import { type ApiError, api, asApiError } from '../../api/client';
import type { PasskeyQuestion } from '../../api/schema';
import { login } from '../../api/session';
import { safeNext } from '../../lib/url-state';
import { useLoaded } from '../../lib/use-loaded';
import { useWait } from '../../lib/use-wait';
import { noPasskeys, passkeyProblem, showPasskey } from '../../lib/webauthn';
import { Button } from '../../ui/button';
import { Field } from '../../ui/field';
import { Problem } from '../../ui/problem';
import { Elsewhere, whyBack } from './elsewhere';
import { type Wanted, wantedOf } from './wanted';

interface Props {
  /** The password was right, and more is asked for. */
  onWanted(wanted: Wanted): void;
}

/** A user and a password, or a passkey alone. */
export function LoginForm({ onWanted }: Props) {
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState<'password' | 'passkey' | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const { data: methods } = useLoaded('', (signal) => api.methods(signal));
  const [refused, setRefused] = useState<string | null>(null);
  const none = refused ?? methods?.no_passkey ?? noPasskeys();
  const { waitS, noteWait } = useWait();
  const search = useSearch();
  const back = whyBack(search);

  async function act(what: 'password' | 'passkey', send: () => Promise<void>) {
    if (busy || waitS > 0) return;
    setBusy(what);
    setError(null);
    try {
      await send();
    } catch (cause) {
      const problem = passkeyProblem(cause);
      setBusy(null);
      const wanted = wantedOf(problem, { username, password });
      if (wanted && what === 'password') return onWanted(wanted);
      setError(problem);
      noteWait(problem);
    }
  }

  const byPasskey = () =>
    act('passkey', async () => {
      let asked: PasskeyQuestion;
      try {
        asked = await api.askPasskey();
      } catch (cause) {
        const problem = asApiError(cause);
        if (problem.status !== 409) throw problem;
        setRefused(problem.message);
        setBusy(null);
        return;
      }
      await login({ passkey: await showPasskey(asked, true) });
    });

  return (
    <form
      onSubmit={(event: FormEvent) => {
        event.preventDefault();
        void act('password', () => login({ username, password }));
      }}
      className="grid gap-4"
    >
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
          value={username}
          onChange={(event) => setUsername(event.target.value)}
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
      {back && !error && (
        <p role="status" data-testid="login-refused" className="text-sm text-bad">
          {back}
        </p>
      )}
      {error && <Problem error={error} />}
      <Button
        look="primary"
        type="submit"
        data-testid="login-submit"
        disabled={busy !== null || waitS > 0}
        className="h-9"
      >
        {waitS > 0 ? `Wait ${waitS} s` : busy === 'password' ? 'Signing in…' : 'Sign in'}
      </Button>
      {methods?.oidc && (
        <Elsewhere label={methods.oidc} next={safeNext(new URLSearchParams(search).get('next'))} />
      )}
      {none ? (
        <p className="text-xs text-faint" data-testid="no-passkeys">
          {none}
        </p>
      ) : (
        <Button
          className="h-9"
          data-testid="login-passkey"
          disabled={busy !== null || waitS > 0}
          onClick={() => void byPasskey()}
        >
          <KeyRound size={15} aria-hidden />
          {busy === 'passkey' ? 'The browser asks…' : 'Sign in with a passkey'}
        </Button>
      )}
    </form>
  );
}
