import { type FormEvent, type ReactNode, useEffect, useState } from 'react';
import { type ApiError, api, asApiError } from '../../api/client';
import type { CheckReport, Connection } from '../../api/ssh';
import { isLocalHost } from '../../lib/local-address';
import { displayName } from '../../lib/names';
import { dayAndClock } from '../../lib/time';
import { useAccess } from '../../lib/use-access';
import type { FleetNode } from '../../live/fleet';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Problem } from '../../ui/problem';
import { CheckView, loggedIn } from './check-view';
import { keyToConfirm } from './check-words';
import { TryStored } from './connection-try';
import { EMPTY_LOGIN, type LoginDraft, loginOf, objection } from './draft';
import { ChangedKey, KeyText } from './host-key';
import { JumpFields, LoginFields } from './login-fields';
import { useCheck } from './use-check';

interface Props {
  node: FleetNode;
  onClose(): void;
}

/** How a node is reached over SSH: shown, replaced by another login that works, or its secrets forgotten. */
export default function ConnectionDialog({ node, onClose }: Props) {
  const [connection, setConnection] = useState<Connection | null>(null);
  const [error, setError] = useState<ApiError | null>(null);
  const managed = node.managed === true;
  // Added by hand: nothing is known, so there is only the form.
  const [view, setView] = useState<'show' | 'replace'>(managed ? 'show' : 'replace');
  useEffect(() => {
    if (!managed) return;
    const request = new AbortController();
    api.connection(node.id, request.signal).then(setConnection, (cause) => {
      if (request.signal.aborted) return;
      const problem = asApiError(cause);
      // Forgotten by somebody else meanwhile.
      if (problem.status === 404) setView('replace');
      else setError(problem);
    });
    return () => request.abort();
  }, [node.id, managed]);

  const replace = view === 'replace';
  return (
    <Dialog
      title={`${managed ? 'Connection' : 'Connect'}: ${displayName(node.name, 40)}`}
      onClose={onClose}
      sticky={replace}
      wide={replace}
    >
      {error && <Problem error={error} />}
      {replace ? (
        <Replace
          node={node}
          old={connection}
          onSaved={(saved) => {
            setConnection(saved);
            setView('show');
          }}
          onClose={onClose}
        />
      ) : connection ? (
        <Show
          node={node}
          connection={connection}
          onChanged={setConnection}
          onReplace={() => setView('replace')}
        />
      ) : (
        !error && <p className="late text-sm text-faint">Looking it up…</p>
      )}
    </Dialog>
  );
}

function Row({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="grid gap-0.5 py-2 sm:grid-cols-[8rem_minmax(0,1fr)] sm:gap-3">
      <dt className="text-sm text-faint">{label}</dt>
      <dd className="min-w-0 text-sm wrap-anywhere">{children}</dd>
    </div>
  );
}

interface ShowProps {
  node: FleetNode;
  connection: Connection;
  onChanged(connection: Connection): void;
  onReplace(): void;
}

function Show({ node, connection, onChanged, onReplace }: ShowProps) {
  const [sure, setSure] = useState(false);
  const [tries, setTries] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const { spider, jump } = connection;
  const administers = useAccess().on('administer', node);

  async function forget() {
    setBusy(true);
    setError(null);
    try {
      await api.forgetCredentials(node.id);
      setSure(false);
      onChanged({ ...connection, auth: null, sudo_password: false });
    } catch (cause) {
      setError(asApiError(cause));
    } finally {
      setBusy(false);
    }
  }

  const kept =
    connection.auth === 'key'
      ? 'A private key'
      : connection.auth === 'password'
        ? 'A password'
        : connection.auth === 'key_and_password'
          ? 'A private key and a password'
          : null;
  return (
    <div className="grid gap-4" data-testid="connection">
      <dl className="divide-y divide-line">
        <Row label="Host">
          {displayName(connection.host, 120)}
          {connection.port === 22 ? '' : `, port ${connection.port}`}
        </Row>
        <Row label="User">{displayName(connection.user, 64)}</Row>
        <Row label="Credentials">
          {kept ? (
            <>
              {kept}
              {connection.sudo_password ? ' and a sudo password' : ''}, sealed
            </>
          ) : (
            <span className="text-dim">Forgotten: jobs ask for them</span>
          )}
        </Row>
        <Row label="Host key">
          {connection.host_key ? <KeyText {...connection.host_key} /> : 'Not confirmed yet'}
        </Row>
        {jump && <Row label="Jump host">{displayName(`${jump.user}@${jump.host}:${jump.port}`, 160)}</Row>}
        {spider && (
          <Row label="Spider">
            {displayName(spider.version, 40)} for {displayName(spider.arch, 20)}, by{' '}
            {displayName(spider.method.replace('_', ', '), 30)}
            <span className="block text-xs text-faint">
              Since {dayAndClock(spider.installed_ms, false)}, reports to{' '}
              {displayName(spider.server_url, 120)}
            </span>
          </Row>
        )}
      </dl>
      {error && <Problem error={error} />}
      {tries && <TryStored node={node} connection={connection} onAccepted={onChanged} />}
      {sure ? (
        <div className="grid gap-3 rounded-md border border-line-strong p-3">
          <p className="text-sm text-dim">
            The key or password of {displayName(node.name, 60)} is wiped here. It goes on reporting; upgrades
            and package jobs will ask for the credentials each time.
          </p>
          <div className="flex justify-end gap-2">
            <Button look="quiet" onClick={() => setSure(false)}>
              Keep them
            </Button>
            <Button look="danger" disabled={busy} data-testid="forget-submit" onClick={() => void forget()}>
              {busy ? 'Forgetting…' : 'Forget them'}
            </Button>
          </div>
        </div>
      ) : (
        <div className="flex flex-wrap justify-end gap-2">
          {kept && administers && (
            <Button look="quiet" data-testid="forget" onClick={() => setSure(true)}>
              Forget the credentials…
            </Button>
          )}
          {administers && (
            <Button data-testid="replace" onClick={onReplace}>
              Replace…
            </Button>
          )}
          {kept && !tries && (
            <Button data-testid="try-connection" onClick={() => setTries(true)}>
              Try it
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

/** What is known of how to get there: a login from before, else where its Spider comes from. */
function draftOf(old: Connection | null, address: string | null | undefined): LoginDraft {
  if (!old) return address && !isLocalHost(address) ? { ...EMPTY_LOGIN, host: address } : EMPTY_LOGIN;
  return {
    ...EMPTY_LOGIN,
    host: old.host,
    port: String(old.port),
    user: old.user,
    jump: old.jump
      ? {
          ...EMPTY_LOGIN.jump,
          on: true,
          host: old.jump.host,
          port: String(old.jump.port),
          user: old.jump.user,
        }
      : EMPTY_LOGIN.jump,
  };
}

interface ReplaceProps {
  node: FleetNode;
  old: Connection | null;
  onSaved(connection: Connection): void;
  onClose(): void;
}

/** Another login: tried first; a host key that is not the one of before has to be accepted. */
function Replace({ node, old, onSaved, onClose }: ReplaceProps) {
  const [draft, setDraft] = useState(() => draftOf(old, node.address));
  const [tried, setTried] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const check = useCheck();
  const wrong = objection(draft);
  const { report } = check;
  const question = report && keyToConfirm(report);
  const pinned = question?.who === 'jump' ? old?.jump?.host_key : old?.host_key;
  const sameHost = old !== null && old.host === draft.host.trim() && String(old.port) === draft.port.trim();
  const changed = question && pinned && sameHost && pinned.sha256 !== question.sha256 ? pinned : null;

  /** Keys that are as they were need no second yes. */
  async function look() {
    let found: CheckReport | null = await check.run(draft, {});
    const confirmed: { node?: string; jump?: string } = {};
    for (let asked = found && keyToConfirm(found); asked; asked = found && keyToConfirm(found)) {
      const known = asked.who === 'jump' ? old?.jump?.host_key : old?.host_key;
      if (!sameHost || known?.sha256 !== asked.sha256 || confirmed[asked.who]) return;
      confirmed[asked.who] = asked.sha256;
      found = await check.run(draft, { ...confirmed });
    }
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (!wrong) void look();
  }

  async function save() {
    setBusy(true);
    setError(null);
    try {
      onSaved((await api.changeConnection(node.id, loginOf(draft, check.confirmed))).connection);
    } catch (cause) {
      setError(asApiError(cause));
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit} className="grid gap-4" autoComplete="off" noValidate>
      <LoginFields draft={draft} onChange={setDraft} />
      <JumpFields draft={draft} onChange={setDraft} />
      {tried && wrong && (
        <p role="alert" className="text-sm text-bad">
          {wrong.text}
        </p>
      )}
      {(report || check.busy || check.error) && (
        <div className="border-t border-line pt-4">
          {changed ? (
            <div className="grid gap-3">
              <ChangedKey question={question!} before={changed.sha256} />
              <div className="flex justify-end">
                <Button
                  look="danger"
                  data-testid="accept-key"
                  disabled={check.busy}
                  onClick={() => void check.confirm(draft)}
                >
                  I know why: accept the new key
                </Button>
              </div>
            </div>
          ) : (
            <CheckView
              check={check}
              onConfirm={() => void check.confirm(draft)}
              onRetry={() => void check.run(draft, check.confirmed)}
            />
          )}
        </div>
      )}
      {error && <Problem error={error} />}
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onClose}>
          Cancel
        </Button>
        <Button
          type="submit"
          look={loggedIn(report) ? 'plain' : 'primary'}
          disabled={check.busy}
          data-testid="connection-check"
        >
          {report ? 'Look again' : 'Look at the host'}
        </Button>
        {loggedIn(report) && (
          <Button
            look="primary"
            disabled={busy || check.busy}
            data-testid="connection-save"
            onClick={() => void save()}
          >
            {busy ? 'Saving…' : 'Keep this login'}
          </Button>
        )}
      </div>
    </form>
  );
}
