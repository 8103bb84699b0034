import { useEffect, useState } from 'react';
import { factors } from '../../api/factors';
import { enrolled, logout, useSession } from '../../api/session';
import { noPasskeys } from '../../lib/webauthn';
import { Button } from '../../ui/button';
import { Name } from '../../ui/name';
import { Frame } from '../login/frame';
import { PasskeyDialog } from './passkey-dialog';
import { RecoveryCodes } from './recovery';
import { TotpSetup } from './totp-setup';

/** Stands between login and everything else where the role takes a second factor and there is none. */
export default function EnrolPage() {
  const session = useSession();
  /** Recovery codes are on the screen, and would be lost. */
  const [shown, setShown] = useState(false);
  const [adding, setAdding] = useState(false);
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const user = session.phase === 'in' ? session.session.username : '';
  useEffect(() => {
    document.title = 'Set up a second factor · Stardust';
  }, []);
  /** A passkey brings no recovery codes along; without them it is enough too. */
  async function added() {
    try {
      setShown(true);
      setCodes((await factors.newRecovery()).recovery_codes);
    } catch {
      enrolled();
    }
  }
  return (
    <Frame title="Set up a second factor" line="Take your protein pills and put your helmet on.">
      <div className="panel grid grid-cols-1 gap-4 p-5" data-testid="enrol">
        {codes ? (
          <RecoveryCodes codes={codes} onDone={enrolled} />
        ) : (
          <>
            {!shown && (
              <p className="text-sm text-dim">
                You are signed in as{' '}
                <span className="text-text wrap-anywhere">
                  <Name text={user} />
                </span>
                , and your role takes a second factor. Nothing else works until you have one.
              </p>
            )}
            <TotpSetup onShown={() => setShown(true)} onDone={enrolled} />
          </>
        )}
      </div>
      {!shown && (
        <div className="mt-3 flex justify-center gap-2">
          {noPasskeys() === null && (
            <Button small onClick={() => setAdding(true)}>
              A passkey instead…
            </Button>
          )}
          <Button look="quiet" small onClick={() => void logout().catch(() => {})}>
            Sign out
          </Button>
        </div>
      )}
      {adding && <PasskeyDialog onClose={() => setAdding(false)} onAdded={() => void added()} />}
    </Frame>
  );
}
