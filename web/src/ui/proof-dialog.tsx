import KeyRound from 'lucide-react/icons/key-round';
import { type FormEvent, useState } from 'react';
import { ApiError, asApiError } from '../api/client';
import { factors } from '../api/factors';
import { answerProof } from '../api/proof';
import type { Proof } from '../api/schema';
import { useLoaded } from '../lib/use-loaded';
import { noPasskeys, passkeyTrouble, showPasskey } from '../lib/webauthn';
import { Button } from './button';
import { CodeField } from './code-field';
import { Dialog } from './dialog';
import { Field } from './field';
import { FormEnd } from './form-end';
import { Problem } from './problem';

/** What hands out rights or secrets asks again who it is, when that was shown more than ten minutes ago. */
export default function ProofDialog() {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const { data, error: unknown, reload } = useLoaded('', (signal) => factors.list(signal));
  const hasPasskey = data !== null && data.passkeys.length > 0;
  const byCode = data !== null && (data.totp || hasPasskey);
  const leave = () => answerProof(false);

  async function prove(make: () => Promise<Proof>) {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await factors.prove(await make());
      answerProof(true);
    } catch (cause) {
      const words = passkeyTrouble(cause);
      setError(words === null ? asApiError(cause) : new ApiError(0, 'passkey', words, ''));
      setBusy(false);
    }
  }
  function submit(event: FormEvent) {
    event.preventDefault();
    void prove(async () => (byCode ? { code: text.trim() } : { password: text }));
  }
  return (
    <Dialog title="Is it you?" onClose={leave} sticky={busy}>
      <form onSubmit={submit} className="grid gap-4" data-passing data-testid="proof">
        <p className="text-sm text-dim">
          What you are about to do hands out rights or secrets, or can’t be undone. For that you show once
          more that you are there; it is good for ten minutes.
        </p>
        {unknown && <Problem error={unknown} onRetry={reload} />}
        {data &&
          (byCode ? (
            <CodeField
              value={text}
              testId="proof-code"
              autoFocus
              note={data.totp ? 'Of your authenticator app, or a recovery code.' : 'A recovery code.'}
              onChange={setText}
            />
          ) : (
            <Field label="Your password">
              <input
                className="field"
                data-testid="proof-password"
                type="password"
                autoComplete="current-password"
                autoFocus
                required
                value={text}
                onChange={(event) => setText(event.target.value)}
              />
            </Field>
          ))}
        {error && <Problem error={error} />}
        <FormEnd
          label={busy ? 'Looking…' : 'Go on'}
          testId="proof-submit"
          disabled={busy || text.trim() === ''}
          onLeave={leave}
        >
          {hasPasskey && noPasskeys() === null && (
            <Button
              data-testid="proof-passkey"
              disabled={busy}
              onClick={() =>
                void prove(async () => ({ passkey: await showPasskey(await factors.askProof()) }))
              }
            >
              <KeyRound size={14} aria-hidden />
              Passkey
            </Button>
          )}
        </FormEnd>
      </form>
    </Dialog>
  );
}
