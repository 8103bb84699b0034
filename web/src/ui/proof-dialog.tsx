import { useState } from 'react';
import { asApiError } from '../api/client';
import { factors } from '../api/factors';
import { answerProof } from '../api/proof';
import { useSession } from '../api/session';
import { useLoaded } from '../lib/use-loaded';
import { useSubmit } from '../lib/use-submit';
import { useWait } from '../lib/use-wait';
import { noPasskeys, showPasskey } from '../lib/webauthn';
import { Button } from './button';
import { Dialog } from './dialog';
import { FactorForm, type FactorKind } from './factor-form';
import { Field } from './field';
import { FormEnd } from './form-end';
import { Problem } from './problem';

const leave = () => answerProof(false);

/** What hands out rights or secrets asks again who it is, when that was shown more than ten minutes ago. */
export default function ProofDialog() {
  const { data, error, reload } = useLoaded('', (signal) => factors.list(signal));
  const has: FactorKind[] = [];
  if (data?.totp) has.push('totp');
  if (data && data.passkeys.length > 0) has.push('passkey');
  const byFactor = has.length > 0;
  if (data && data.recovery_left > 0) has.push('recovery');
  return (
    <Dialog title="Is it you?" onClose={leave}>
      <div className="grid gap-4" data-testid="proof">
        <p className="text-sm text-dim">
          What you are about to do hands out rights or secrets, or can’t be undone. For that you show once
          more that you are there; it is good for ten minutes.
        </p>
        {!data && error && <Problem error={error} onRetry={reload} />}
        {!data && !error && <p className="late text-sm text-faint">One moment…</p>}
        {data && !byFactor && <ByPassword />}
        {data && byFactor && (
          <FactorForm
            has={has}
            noPasskeys={noPasskeys()}
            submit="Go on"
            testId="proof"
            sendCode={async (code) => {
              await factors.prove({ code });
              answerProof(true);
            }}
            usePasskey={async () => {
              await factors.prove({ passkey: await showPasskey(await factors.askProof()) });
              answerProof(true);
            }}
            leave={
              <Button look="quiet" small onClick={leave}>
                Cancel
              </Button>
            }
          />
        )}
      </div>
    </Dialog>
  );
}

function ByPassword() {
  const session = useSession();
  const [password, setPassword] = useState('');
  const { waitS, noteWait } = useWait();
  const { busy, error, submit } = useSubmit(async () => {
    try {
      await factors.prove({ password });
    } catch (cause) {
      noteWait(asApiError(cause));
      throw cause;
    }
    answerProof(true);
  });
  return (
    // What is typed here is not worth a question when it is thrown away.
    <form onSubmit={submit} className="grid gap-4" data-passing>
      <input
        type="text"
        name="username"
        autoComplete="username"
        value={session.phase === 'in' ? session.session.username : ''}
        readOnly
        hidden
      />
      <Field label="Your password">
        <input
          className="field"
          data-testid="proof-password"
          type="password"
          autoComplete="current-password"
          // biome-ignore lint/a11y/noAutofocus: it is what is asked for.
          autoFocus
          required
          aria-invalid={error?.kind === 'bad_credentials'}
          value={password}
          onChange={(event) => setPassword(event.target.value)}
        />
      </Field>
      {error && <Problem error={error} />}
      <FormEnd
        label={waitS > 0 ? `Wait ${waitS} s` : busy ? 'Looking…' : 'Go on'}
        testId="proof-submit"
        disabled={busy || waitS > 0 || password === ''}
        onLeave={leave}
      />
    </form>
  );
}
