import { useEffect } from 'react';
import { logout, useSession } from '../../api/session';
import { Button } from '../../ui/button';
import { Frame } from './frame';
import { PasswordForm } from './password-form';

/** Stands between login and everything else while the password is one that others know. */
export function PasswordPage() {
  const session = useSession();
  const user = session.phase === 'in' ? session.session.username : '';
  useEffect(() => {
    document.title = 'Choose a password · Stardust';
  }, []);
  return (
    <Frame title="Choose your own password" line="Turn and face the strange.">
      <div className="panel grid gap-4 p-5">
        <p className="text-sm text-dim">
          You are signed in as <span className="text-text wrap-anywhere">{user}</span> with a password that
          others know: the one that Stardust came with, or one that an admin gave you. Nothing else works
          until you have chosen your own.
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
