import { useEffect } from 'react';
import { logout, useSession } from '../../api/session';
import { Button } from '../../ui/button';
import { Frame } from './frame';
import { PasswordForm } from './password-form';

/** Stands between login and everything else while the password is the default one. */
export function PasswordPage() {
  const session = useSession();
  const user = session.phase === 'in' ? session.session.user : '';
  useEffect(() => {
    document.title = 'Choose a password · Stardust';
  }, []);
  return (
    <Frame title="Choose your own password" line="Turn and face the strange.">
      <div className="panel grid gap-4 p-5">
        <p className="text-sm text-dim">
          You are signed in as <span className="text-text">{user}</span> with the password that Stardust came
          with. Anyone could know it, so nothing else works until you have changed it.
        </p>
        <PasswordForm user={user} submitLabel="Change the password" onDone={() => {}} />
      </div>
      <div className="mt-3 text-center">
        <Button look="quiet" small onClick={() => void logout().catch(() => {})}>
          Sign out
        </Button>
      </div>
    </Frame>
  );
}
