import KeyRound from 'lucide-react/icons/key-round';
import { type ReactNode, useState } from 'react';
import type { ApiError } from '../api/client';
import { isAppCode, tidyCode } from '../lib/codes';
import { useWait } from '../lib/use-wait';
import { passkeyProblem } from '../lib/webauthn';
import { Button } from './button';
import { CodeField } from './code-field';
import { Problem } from './problem';

export type FactorKind = 'totp' | 'passkey' | 'recovery';

interface Props {
  /** What there is. */
  has: readonly FactorKind[];
  /** Why a passkey that is there can't be used here. */
  noPasskeys: string | null;
  submit: string;
  /** What the parts are called by the tests. */
  testId: string;
  sendCode(code: string): Promise<void>;
  usePasskey(): Promise<void>;
  /** The way out. */
  leave: ReactNode;
}

/** Asks for one of the second factors that somebody has. */
export function FactorForm({ has, noPasskeys, submit, testId, sendCode, usePasskey, leave }: Props) {
  const hasApp = has.includes('totp');
  const hasRecovery = has.includes('recovery');
  const passkey = has.includes('passkey') && noPasskeys === null;
  const [kind, setKind] = useState<'totp' | 'recovery' | null>(
    hasApp ? 'totp' : passkey || !hasRecovery ? null : 'recovery',
  );
  const [code, setCode] = useState('');
  const [busy, setBusy] = useState<'code' | 'passkey' | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const [tries, setTries] = useState(0);
  const { waitS, noteWait } = useWait();

  async function act(what: 'code' | 'passkey', send: () => Promise<void>) {
    if (busy || waitS > 0) return;
    setBusy(what);
    setError(null);
    try {
      await send();
    } catch (cause) {
      const problem = passkeyProblem(cause);
      setError(problem);
      noteWait(problem);
      // One that was wrong is not right the next time.
      if (what === 'code') setCode('');
      setTries((n) => n + 1);
      setBusy(null);
    }
  }

  const take = (next: 'totp' | 'recovery') => {
    setKind(next);
    setCode('');
    setError(null);
  };

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (kind !== null) void act('code', () => sendCode(tidyCode(code)));
      }}
      className="grid gap-4"
      data-testid={`${testId}-form`}
    >
      {passkey && (
        <Button
          look={kind === null ? 'primary' : 'plain'}
          className="h-9"
          data-testid={`${testId}-passkey`}
          disabled={busy !== null || waitS > 0}
          onClick={() => void act('passkey', usePasskey)}
        >
          <KeyRound size={15} aria-hidden />
          {busy === 'passkey' ? 'The browser asks…' : 'Use a passkey'}
        </Button>
      )}
      {has.includes('passkey') && noPasskeys && (
        <p className="text-xs text-faint" data-testid="no-passkeys">
          {noPasskeys}
        </p>
      )}
      {kind !== null && (
        // What is typed here is not worth a question when it is thrown away. Anew, and so with the focus, for each try.
        <div data-passing key={`${kind} ${tries}`}>
          <CodeField
            label={kind === 'totp' ? 'Code of the authenticator app' : 'Recovery code'}
            note={kind === 'totp' ? 'Six digits, new every half minute.' : 'Each is good once.'}
            digits={kind === 'totp'}
            testId={`${testId}-code`}
            autoFocus
            invalid={error?.kind === 'bad_credentials'}
            value={code}
            onChange={setCode}
          />
        </div>
      )}
      {error && <Problem error={error} />}
      {kind !== null && (
        <Button
          look="primary"
          type="submit"
          className="h-9"
          data-testid={`${testId}-submit`}
          disabled={
            busy !== null || waitS > 0 || (kind === 'totp' ? !isAppCode(code) : tidyCode(code) === '')
          }
        >
          {waitS > 0 ? `Wait ${waitS} s` : busy === 'code' ? 'One moment…' : submit}
        </Button>
      )}
      <div className="flex flex-wrap items-center justify-between gap-2">
        {kind === 'totp' && hasRecovery && (
          <Button look="quiet" small data-testid="take-recovery" onClick={() => take('recovery')}>
            Use a recovery code
          </Button>
        )}
        {kind === 'recovery' && hasApp && (
          <Button look="quiet" small data-testid="take-app" onClick={() => take('totp')}>
            Use the authenticator app
          </Button>
        )}
        {kind === null && hasRecovery && (
          <Button look="quiet" small data-testid="take-recovery" onClick={() => take('recovery')}>
            Use a recovery code
          </Button>
        )}
        <span className="ml-auto">{leave}</span>
      </div>
    </form>
  );
}
