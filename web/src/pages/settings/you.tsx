import { useState } from 'react';
import { Link } from 'wouter';
import { type ApiError, asApiError } from '../../api/client';
import { logout, useSession } from '../../api/session';
import { RIGHT_WORDS, ROLE_WORDS } from '../../lib/access';
import { useAccess } from '../../lib/use-access';
import { Button } from '../../ui/button';
import { Name } from '../../ui/name';
import { Problem } from '../../ui/problem';
import { GrantLine } from './grant-line';

/** Who is signed in, and what they may, in plain words. */
export function You() {
  const session = useSession();
  const { everywhere } = useAccess();
  const [error, setError] = useState<ApiError | null>(null);
  if (session.phase !== 'in') return null;
  const { username, grants } = session.session;
  return (
    <div className="grid grid-cols-1 gap-4">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="text-sm text-dim">
          Signed in as{' '}
          <span className="font-semibold text-text wrap-anywhere">
            <Name text={username} />
          </span>
          <Link
            href="/settings/sessions?whose=own"
            className="ml-3 underline underline-offset-2 hover:text-text"
          >
            Where else?
          </Link>
        </p>
        <Button
          data-testid="sign-out"
          onClick={async () => {
            try {
              await logout();
            } catch (cause) {
              setError(asApiError(cause));
            }
          }}
        >
          Sign out
        </Button>
      </div>
      {error && <Problem error={error} />}
      <div className="grid gap-2" data-testid="you-may">
        {grants.length === 0 && (
          <p className="text-sm text-dim">You may see nothing at present. An admin can give you a role.</p>
        )}
        <ul className="grid gap-3">
          {grants.map((grant) => (
            <li key={JSON.stringify(grant)} className="grid gap-0.5">
              <GrantLine grant={grant} />
              <span className="text-xs text-faint">
                {ROLE_WORDS[grant.role].may}
                {grant.rights.map((right) => ` ${RIGHT_WORDS[right].name}: ${RIGHT_WORDS[right].may}`)}
              </span>
            </li>
          ))}
        </ul>
        {everywhere('administer') && (
          <p className="text-xs text-faint">
            On all nodes, and so users, groups and the audit are yours too.
          </p>
        )}
      </div>
    </div>
  );
}
