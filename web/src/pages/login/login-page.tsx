import { useEffect, useState } from 'react';
import { useSearch } from 'wouter';
import { isFirstVisit, useSession } from '../../api/session';
import { safeNext } from '../../lib/url-state';
import { endWords } from './end-words';
import { FactorStep } from './factor-step';
import { Frame } from './frame';
import { LoginForm } from './login-form';
import type { Wanted } from './wanted';

export function LoginPage() {
  const session = useSession();
  const [wanted, setWanted] = useState<Wanted | null>(null);
  // Where they were: with the way back in the address.
  const back = safeNext(new URLSearchParams(useSearch()).get('next')) !== '/';
  useEffect(() => {
    document.title = 'Sign in · Stardust';
  }, []);

  if (wanted) {
    return (
      <Frame title="Is it you?" line="Check ignition, and may God’s love be with you.">
        <div className="panel p-5">
          <FactorStep wanted={wanted} onBack={() => setWanted(null)} />
        </div>
      </Frame>
    );
  }
  return (
    <Frame title="Stardust" line="Ground Control to Major Tom…">
      <div className="panel grid gap-4 p-5">
        {session.phase === 'out' && session.ended ? (
          <p role="status" data-testid="session-ended" className="text-sm text-dim">
            <span className="font-semibold text-text">{endWords(session.said).what}</span>{' '}
            {endWords(session.said).why} Sign in again{back ? ', and you are back where you were.' : '.'}
          </p>
        ) : (
          isFirstVisit() && (
            <p data-testid="first-visit" className="text-sm text-dim">
              The first time? Ground Control names the user and the password to begin with where it was
              started, in its terminal or its log. On its own machine that is{' '}
              <code className="font-mono text-xs text-text">admin</code> with{' '}
              <code className="font-mono text-xs text-text">admin</code>, unless others were given.
            </p>
          )
        )}
        <LoginForm onWanted={setWanted} />
      </div>
    </Frame>
  );
}
