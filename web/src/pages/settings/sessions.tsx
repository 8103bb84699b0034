import { useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { accounts } from '../../api/accounts';
import type { SessionRow } from '../../api/schema';
import { logout } from '../../api/session';
import { displayName } from '../../lib/names';
import { dayAndClock } from '../../lib/time';
import { useAccess } from '../../lib/use-access';
import { useAction } from '../../lib/use-action';
import { useLoaded } from '../../lib/use-loaded';
import { useFleet, useNow } from '../../live/store';
import { Button } from '../../ui/button';
import { Name } from '../../ui/name';
import { Problem } from '../../ui/problem';
import { Segmented } from '../../ui/segmented';
import { agentWords } from './agent-words';
import { agoWords } from './ago';
import { Head, Row, Rows } from './rows';

const WHOSE = [
  { id: 'all', label: 'Everybody’s' },
  { id: 'own', label: 'Yours' },
] as const;

export function Sessions() {
  const [, navigate] = useLocation();
  const search = useSearch();
  const { everywhere } = useAccess();
  const all = everywhere('administer');
  const whose = new URLSearchParams(search).get('whose') === 'own' ? 'own' : 'all';
  const { busy, refused, act } = useAction();
  const [ended, setEnded] = useState(0);
  const loaded = useLoaded(String(ended), async (signal) => {
    const sessions = await accounts.sessions(signal);
    // This one first, then by the last use.
    return sessions.sort((a, b) => Number(b.current) - Number(a.current) || b.used_ms - a.used_ms);
  });
  const own = loaded.data?.find((session) => session.current)?.user;
  const shown = loaded.data?.filter((session) => whose === 'all' || session.user === own) ?? null;
  const end = (session: SessionRow) =>
    act(async () => {
      if (session.current) return logout();
      await accounts.endSession(session.id);
      setEnded((n) => n + 1);
    });
  return (
    <div className="grid grid-cols-1 gap-4">
      <Head
        action={
          all && (
            <Segmented
              legend="Whose"
              choices={WHOSE}
              value={whose}
              testId="whose"
              onChange={(next) =>
                navigate(`/settings/sessions${next === 'own' ? '?whose=own' : ''}`, { replace: true })
              }
            />
          )
        }
      >
        Where {all && whose === 'all' ? 'somebody is' : 'you are'} signed in. What you don’t know is best
        ended, and then the password changed.
      </Head>
      {refused && <Problem error={refused} />}
      <Rows
        label="Sessions"
        testId="sessions"
        loaded={{ ...loaded, data: shown }}
        row={(session: SessionRow) => (
          <OneSession
            key={session.id}
            session={session}
            named={all && whose === 'all'}
            busy={busy}
            onEnd={() => void end(session)}
          />
        )}
      />
    </div>
  );
}

interface OneProps {
  session: SessionRow;
  /** Say whose it is. */
  named: boolean;
  busy: boolean;
  onEnd(): void;
}

function OneSession({ session, named, busy, onEnd }: OneProps) {
  const now = useNow(10_000) + useFleet().skewMs;
  return (
    <Row
      id={session.id}
      head={
        <>
          <span className="min-w-0 truncate text-sm font-semibold" title={displayName(session.agent, 300)}>
            <Name text={agentWords(session.agent)} max={60} />
          </span>
          {session.current && (
            <span
              data-testid="this-session"
              className="rounded-sm border border-ok/50 px-1.5 text-2xs leading-4.5 whitespace-nowrap text-ok"
            >
              This one
            </span>
          )}
        </>
      }
      aside={
        <>
          <span className="block" title={dayAndClock(session.used_ms)}>
            Used {agoWords(now - session.used_ms)}
          </span>
          <span className="text-faint" title={`Until ${dayAndClock(session.expires_ms)}`}>
            Since {dayAndClock(session.created_ms, false)}
          </span>
        </>
      }
      action={
        <Button
          small
          data-testid={session.current ? 'end-own' : 'end-session'}
          disabled={busy}
          onClick={onEnd}
        >
          {session.current ? 'Sign out' : 'End'}
        </Button>
      }
    >
      <p className="text-sm text-dim">
        {named && (
          <span className="text-text">
            <Name text={session.username} max={40} />
            <span className="text-faint"> from </span>
          </span>
        )}
        <span className="font-mono text-xs wrap-anywhere">{displayName(session.address, 60)}</span>
      </p>
    </Row>
  );
}
