import { useRef } from 'react';
import { ApiError } from '../../api/client';
import type { PasskeyQuestion } from '../../api/schema';
import { login } from '../../api/session';
import { noPasskeys, showPasskey } from '../../lib/webauthn';
import { Button } from '../../ui/button';
import { FactorForm } from '../../ui/factor-form';
import { type Wanted, wantedOf } from './wanted';

interface Props {
  wanted: Wanted;
  onBack(): void;
}

/** After a password that was right: a code, or a passkey. */
export function FactorStep({ wanted, onBack }: Props) {
  const { username, password, factors } = wanted;
  /** Each is good for one answer. */
  const question = useRef(wanted.passkey);

  async function ask(): Promise<PasskeyQuestion> {
    const known = question.current;
    question.current = null;
    if (known) return known;
    try {
      await login({ username, password });
    } catch (cause) {
      const again = cause instanceof ApiError ? wantedOf(cause, { username, password }) : null;
      if (again?.passkey) return again.passkey;
      throw cause;
    }
    // The factors were taken away meanwhile: the password was enough.
    return new Promise(() => {});
  }

  return (
    <div className="grid gap-4" data-testid="second-factor">
      <p className="text-sm text-dim">
        The password of <span className="text-text wrap-anywhere">{username}</span> is right. Now show your
        second factor.
      </p>
      <FactorForm
        has={factors}
        noPasskeys={noPasskeys()}
        submit="Sign in"
        testId="factor"
        sendCode={(code) => login({ username, password, code })}
        usePasskey={async () => login({ username, password, passkey: await showPasskey(await ask()) })}
        leave={
          <Button look="quiet" small data-testid="login-back" onClick={onBack}>
            Back
          </Button>
        }
      />
    </div>
  );
}
