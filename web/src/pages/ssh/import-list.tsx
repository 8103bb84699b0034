import FileUp from 'lucide-react/icons/file-up';
import { type FormEvent, useId, useRef, useState } from 'react';
import { Link } from 'wouter';
import { type ApiError, asApiError } from '../../api/client';
import { isActive } from '../../api/job';
import { displayName } from '../../lib/names';
import { useJobs } from '../../live/store';
import { Button } from '../../ui/button';
import { FormEnd } from '../../ui/form-end';
import { StateIcon } from '../../ui/job-state';
import { Problem } from '../../ui/problem';
import { Progress } from '../../ui/progress';
import { TextField } from '../../ui/text-field';
import { jobWords } from '../jobs/words';
import { AuthFields, SudoField } from './auth-fields';
import { authObjection } from './draft';
import { Fold } from './fold';
import type { ImportRow } from './import-rows';
import { NO_SECRETS } from './secrets';
import { useImport } from './use-import';

const LIST_BYTES_MAX = 256 * 1024;
const EXAMPLE = 'name,host,user,tags\npi4,pi4.lan,root,home\nweb-1,203.0.113.7,deploy,prod web';

interface Props {
  onSticky(sticky: boolean): void;
  onClose(): void;
}

/** A list of hosts: read, looked at in parallel, confirmed key by key, deployed with one view of it all. */
export function ImportList({ onSticky, onClose }: Props) {
  const id = useId();
  const list = useImport();
  const { rows } = list;
  const [text, setText] = useState('');
  const [user, setUser] = useState('root');
  const [secrets, setSecrets] = useState(NO_SECRETS);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const [tried, setTried] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  const jobs = useJobs();

  const good = rows.filter((row) => !row.host.error);
  const leftOut = rows.filter((row) => row.host.error);
  const asking = rows.filter((row) => row.state === 'asks');
  const picked = new Set(asking.filter((row) => chosen.has(row.host.line)).map((row) => row.host.line));
  const ready = rows.filter((row) => row.state === 'ready').length;
  const started = rows.filter((row) => row.state === 'started');
  const ended = started.filter((row) => {
    const job = jobs.get(row.job!.id);
    return job && !isActive(job);
  }).length;
  const looked = rows.some((row) => row.state !== 'idle' && !row.host.error);
  const wrong = authObjection(secrets.auth);

  async function act(action: () => Promise<void>) {
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await action();
    } catch (cause) {
      setError(asApiError(cause));
    }
    setBusy(false);
  }
  function read(event: FormEvent) {
    event.preventDefault();
    onSticky(true);
    void act(() => list.parse(text));
  }
  function look(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (!wrong) void act(() => list.look(user.trim(), secrets));
  }

  return (
    <div data-testid="import">
      <Fold
        number={1}
        title="The list"
        state={rows.length === 0 ? 'open' : 'done'}
        summary={`${good.length} ${good.length === 1 ? 'host' : 'hosts'}`}
        onOpen={looked ? undefined : list.clear}
      >
        <form onSubmit={read} className="grid gap-3">
          <div className="flex items-end justify-between gap-3">
            <label htmlFor={`${id}-list`} className="text-sm text-dim">
              A table with commas, or an SSH configuration
            </label>
            <Button small look="quiet" onClick={() => file.current?.click()}>
              <FileUp size={14} aria-hidden />
              Choose a file
            </Button>
            <input
              ref={file}
              type="file"
              hidden
              onChange={async (event) => {
                const chosenFile = event.target.files?.[0];
                if (chosenFile && chosenFile.size <= LIST_BYTES_MAX) setText(await chosenFile.text());
                event.target.value = '';
              }}
            />
          </div>
          <textarea
            id={`${id}-list`}
            data-testid="import-text"
            rows={8}
            className="field h-auto resize-y py-2 font-mono text-xs leading-5"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            placeholder={EXAMPLE}
            value={text}
            onChange={(event) => setText(event.target.value.slice(0, LIST_BYTES_MAX))}
          />
          <p className="text-xs text-faint">
            Columns: name, host, port, user, tags; only host is needed. Or blocks of Host, HostName, User,
            Port and ProxyJump.
          </p>
          {error && rows.length === 0 && <Problem error={error} />}
          <FormEnd
            label="Read the list"
            testId="import-read"
            disabled={busy || text.trim() === ''}
            onLeave={onClose}
          />
        </form>
      </Fold>
      <Fold
        number={2}
        title="Credentials for all of them"
        state={rows.length === 0 ? 'waiting' : looked ? 'done' : 'open'}
        summary={secrets.auth.how === 'key' ? 'A private key' : 'A password'}
      >
        <form onSubmit={look} className="grid gap-4" autoComplete="off">
          {leftOut.length > 0 && (
            <section aria-label="Left out" className="grid gap-1.5" data-testid="import-left-out">
              <p className="text-sm">
                {leftOut.length === 1 ? 'One line is left out:' : `${leftOut.length} lines are left out:`}
              </p>
              <ul className="max-h-56 divide-y divide-line overflow-auto rounded-md border border-line">
                {leftOut.map((row) => (
                  <HostRow key={row.host.line} row={row} chosen={false} />
                ))}
              </ul>
            </section>
          )}
          <TextField
            label="SSH user"
            aside="where the list names none"
            testId="import-user"
            value={user}
            onChange={setUser}
          />
          <AuthFields
            auth={secrets.auth}
            testId="import"
            onChange={(auth) => setSecrets({ ...secrets, auth })}
          />
          <SudoField
            value={secrets.sudo}
            testId="import"
            onChange={(sudo) => setSecrets({ ...secrets, sudo })}
          />
          {tried && wrong && (
            <p role="alert" className="text-sm text-bad">
              {wrong}
            </p>
          )}
          <FormEnd
            label={`Look at ${good.length} ${good.length === 1 ? 'host' : 'hosts'}`}
            testId="import-look"
            disabled={good.length === 0}
            leave="Back"
            onLeave={list.clear}
          />
        </form>
      </Fold>
      <Fold number={3} title="Keys, then deployment" state={looked ? 'open' : 'waiting'}>
        <div className="grid gap-4">
          {started.length > 0 && (
            <Progress done={ended} total={started.length} label="Deployments that have ended" />
          )}
          {asking.length > 0 && (
            <p className="text-sm text-dim">
              Tick the hosts whose key you have compared. Nothing secret is sent to a host before.
            </p>
          )}
          <ul className="divide-y divide-line rounded-md border border-line">
            {rows.map((row) => (
              <HostRow
                key={row.host.line}
                row={row}
                chosen={chosen.has(row.host.line)}
                onToggle={() =>
                  setChosen((before) => {
                    const next = new Set(before);
                    if (!next.delete(row.host.line)) next.add(row.host.line);
                    return next;
                  })
                }
              />
            ))}
          </ul>
          {error && <Problem error={error} />}
          <div className="flex flex-wrap justify-end gap-2">
            <Button look="quiet" onClick={onClose}>
              {started.length > ended ? 'Close, it goes on' : 'Close'}
            </Button>
            {rows.some((row) => row.state === 'failed' && !row.host.error && !row.job) && !busy && (
              <Button
                data-testid="import-again"
                onClick={() => void act(() => list.look(user.trim(), secrets))}
              >
                Look again at those that failed
              </Button>
            )}
            {asking.length > 0 && (
              <>
                <Button onClick={() => setChosen(new Set(asking.map((row) => row.host.line)))}>
                  Tick {asking.length === 1 ? 'it' : `all ${asking.length}`}
                </Button>
                <Button
                  look="primary"
                  data-testid="import-confirm"
                  disabled={picked.size === 0 || busy}
                  onClick={() => void act(() => list.confirm(picked, user.trim(), secrets))}
                >
                  Confirm {picked.size === 1 ? '1 key' : `${picked.size} keys`}
                </Button>
              </>
            )}
            {ready > 0 && (
              <Button
                look={asking.length > 0 ? 'plain' : 'primary'}
                data-testid="import-deploy"
                disabled={busy}
                onClick={() => void act(() => list.deploy(user.trim(), secrets))}
              >
                Deploy to {ready} {ready === 1 ? 'host' : 'hosts'}
              </Button>
            )}
          </div>
        </div>
      </Fold>
    </div>
  );
}

function HostRow({ row, chosen, onToggle }: { row: ImportRow; chosen: boolean; onToggle?(): void }) {
  const jobs = useJobs();
  const job = row.job ? (jobs.get(row.job.id) ?? row.job) : null;
  const name = displayName(row.host.name || row.host.host || `Line ${row.host.line}`, 60);
  const icon = job
    ? job.state
    : (
        {
          idle: 'waiting',
          checking: 'running',
          asks: 'waiting',
          ready: 'done',
          failed: 'failed',
          starting: 'running',
          started: 'running',
        } as const
      )[row.state];
  return (
    <li
      className="flex items-start gap-3 px-3 py-2 text-sm"
      data-line={row.host.line}
      data-state={job?.state ?? row.state}
    >
      {row.state === 'asks' ? (
        <input
          type="checkbox"
          className="mt-0.5 shrink-0"
          aria-label={`The key of ${name} was compared`}
          checked={chosen}
          onChange={onToggle}
        />
      ) : (
        <span className="mt-0.5">
          <StateIcon state={icon} size={15} />
        </span>
      )}
      <div className="min-w-0 flex-1">
        <p className="flex flex-wrap items-baseline gap-x-2">
          {job ? (
            <Link href={`/jobs/${job.id}`} className="font-medium hover:underline">
              {name}
            </Link>
          ) : (
            <span className="font-medium">{name}</span>
          )}
          <span className="text-xs text-faint wrap-anywhere">
            {displayName(row.host.host, 80)}
            {row.host.port === 22 ? '' : `:${row.host.port}`}
          </span>
        </p>
        {row.question ? (
          <p className="font-mono text-xs text-dim wrap-anywhere" data-testid="import-fingerprint">
            {row.question.who === 'jump' ? 'Jump host: ' : ''}
            {displayName(row.question.type, 40)} {displayName(row.question.sha256, 80)}
          </p>
        ) : (
          <p className={`text-xs wrap-anywhere ${row.state === 'failed' ? 'text-bad' : 'text-faint'}`}>
            {displayName(job ? jobWords(job) : row.state === 'checking' ? 'Looking…' : row.words, 300)}
          </p>
        )}
        {row.hint && !job && <p className="text-xs text-dim wrap-anywhere">{displayName(row.hint, 300)}</p>}
      </div>
    </li>
  );
}
