import { useEffect, useState } from 'react';
import { type ApiError, asApiError } from '../../api/client';
import { factors } from '../../api/factors';
import type { NewTotp } from '../../api/schema';
import { inFours, isAppCode, tidyCode } from '../../lib/codes';
import { useSubmit } from '../../lib/use-submit';
import { Button } from '../../ui/button';
import { CodeField } from '../../ui/code-field';
import { CopyButton } from '../../ui/copy';
import { Problem } from '../../ui/problem';
import { QrCode } from '../../ui/qr-code';
import { RecoveryCodes } from './recovery';

interface Props {
  /** Recovery codes are on the screen, and would be lost. */
  onShown(): void;
  onDone(): void;
}

/** The secret as a picture and as text; a code that shows that it has arrived; then the recovery codes. */
export function TotpSetup({ onShown, onDone }: Props) {
  const [made, setMade] = useState<NewTotp | null>(null);
  const [refused, setRefused] = useState<ApiError | null>(null);
  const [attempt, setAttempt] = useState(0);
  const [code, setCode] = useState('');
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once more when asked to.
  useEffect(() => {
    let wanted = true;
    setRefused(null);
    factors.beginTotp().then(
      (next) => wanted && setMade(next),
      (cause) => wanted && setRefused(asApiError(cause)),
    );
    return () => {
      wanted = false;
    };
  }, [attempt]);
  const { busy, error, submit } = useSubmit(async () => {
    const answer = await factors.confirmTotp(tidyCode(code));
    setCodes(answer.recovery_codes);
    onShown();
  });
  if (codes) return <RecoveryCodes codes={codes} onDone={onDone} />;
  if (!made) {
    return refused ? (
      <Problem error={refused} onRetry={() => setAttempt((n) => n + 1)} />
    ) : (
      <p className="late text-sm text-faint">One moment…</p>
    );
  }
  return (
    <form onSubmit={submit} className="grid grid-cols-1 gap-4" data-passing>
      <p className="text-sm text-dim">
        Scan this with an authenticator app (Aegis, 2FAS, Google Authenticator, a password manager, …), or
        type the secret there. Then type the code that it shows.
      </p>
      <div className="flex flex-wrap items-center gap-4">
        <QrCode text={made.uri} label="The secret, for an authenticator app" />
        <div className="grid min-w-0 flex-1 basis-40 gap-2">
          <span className="text-xs text-faint">The secret</span>
          <code className="font-mono text-sm wrap-anywhere select-all" data-testid="totp-secret">
            {inFours(made.secret)}
          </code>
          <div>
            <CopyButton text={made.secret} label="Copy" />
          </div>
          {made.uri.startsWith('otpauth://') && (
            <a
              href={made.uri}
              className="text-xs text-dim underline underline-offset-2 hover:text-text pointer-fine:hidden"
            >
              Open it in the app on this device
            </a>
          )}
        </div>
      </div>
      <CodeField
        value={code}
        testId="totp-code"
        // On a phone the keyboard would hide the picture.
        autoFocus={matchMedia('(pointer: fine)').matches}
        invalid={error !== null}
        note="Six digits, new every half minute."
        onChange={setCode}
      />
      {error && <Problem error={error} />}
      <div className="flex justify-end">
        <Button look="primary" type="submit" data-testid="totp-submit" disabled={busy || !isAppCode(code)}>
          {busy ? 'Looking…' : 'Set it up'}
        </Button>
      </div>
    </form>
  );
}
