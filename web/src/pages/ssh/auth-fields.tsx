import ChevronRight from 'lucide-react/icons/chevron-right';
import FileUp from 'lucide-react/icons/file-up';
import KeyRound from 'lucide-react/icons/key-round';
import { type DragEvent, useId, useRef, useState } from 'react';
import { displayName } from '../../lib/names';
import { Button } from '../../ui/button';
import { Segmented } from '../../ui/segmented';
import { type AuthDraft, certificateObjection, keyObjection } from './draft';

const KEY_BYTES_MAX = 64 * 1024;

const HOW = [
  { id: 'key', label: 'Private key' },
  { id: 'password', label: 'Password' },
] as const;

/** Nothing may remember, check or complete what is typed into a field for a secret. */
export const SECRET_FIELD = {
  autoComplete: 'off',
  autoCapitalize: 'none',
  autoCorrect: 'off',
  spellCheck: false,
  'data-1p-ignore': true,
  'data-lpignore': 'true',
} as const;

interface Props {
  auth: AuthDraft;
  testId: string;
  onChange(auth: AuthDraft): void;
}

export function AuthFields({ auth, testId, onChange }: Props) {
  const id = useId();
  const change = (part: Partial<AuthDraft>) => onChange({ ...auth, ...part });
  return (
    <div className="grid gap-3">
      <Segmented
        legend="Log in with"
        choices={HOW}
        value={auth.how}
        testId={`${testId}-how`}
        onChange={(how) => change({ how })}
      />
      {auth.how === 'key' ? (
        <>
          <KeyField value={auth.key} testId={`${testId}-key`} onChange={(key) => change({ key })} />
          <div className="grid gap-1">
            <label htmlFor={`${id}-passphrase`} className="text-sm text-dim">
              Passphrase of the key <span className="text-faint">(if it has one)</span>
            </label>
            <input
              id={`${id}-passphrase`}
              className="field"
              type="password"
              data-testid={`${testId}-passphrase`}
              {...SECRET_FIELD}
              autoComplete="new-password"
              value={auth.passphrase}
              onChange={(event) => change({ passphrase: event.target.value })}
            />
          </div>
          <MoreThanAKey auth={auth} testId={testId} change={change} />
        </>
      ) : (
        <div className="grid gap-1">
          <label htmlFor={`${id}-password`} className="text-sm text-dim">
            Password
          </label>
          <input
            id={`${id}-password`}
            className="field"
            type="password"
            data-testid={`${testId}-password`}
            {...SECRET_FIELD}
            autoComplete="new-password"
            value={auth.password}
            onChange={(event) => change({ password: event.target.value })}
          />
        </div>
      )}
    </div>
  );
}

/** For servers that want a password too, or trust an authority instead of keys. */
function MoreThanAKey({
  auth,
  testId,
  change,
}: {
  auth: AuthDraft;
  testId: string;
  change(part: Partial<AuthDraft>): void;
}) {
  const id = useId();
  const objection = certificateObjection(auth.certificate);
  return (
    <details className="group" open={auth.second !== '' || auth.certificate !== '' || undefined}>
      <summary
        className="flex w-fit list-none items-center gap-1 rounded-sm text-sm text-dim hover:text-text"
        data-testid={`${testId}-more`}
      >
        <ChevronRight size={14} aria-hidden className="transition-transform group-open:rotate-90" />
        Beside the key: a password, a certificate
      </summary>
      <div className="mt-3 grid gap-3">
        <div className="grid gap-1">
          <label htmlFor={`${id}-second`} className="text-sm text-dim">
            Password or code <span className="text-faint">(if the server wants one after the key)</span>
          </label>
          <input
            id={`${id}-second`}
            className="field"
            type="password"
            data-testid={`${testId}-second`}
            {...SECRET_FIELD}
            autoComplete="new-password"
            value={auth.second}
            onChange={(event) => change({ second: event.target.value })}
          />
        </div>
        <div className="grid gap-1">
          <label htmlFor={`${id}-certificate`} className="text-sm text-dim">
            Certificate <span className="text-faint">(from the file -cert.pub)</span>
          </label>
          <textarea
            id={`${id}-certificate`}
            data-testid={`${testId}-certificate`}
            rows={2}
            {...SECRET_FIELD}
            aria-invalid={objection !== null}
            placeholder="ssh-ed25519-cert-v01@openssh.com AAAA…"
            className="field h-auto resize-none py-2 font-mono text-xs leading-5"
            value={auth.certificate}
            onChange={(event) => change({ certificate: event.target.value.slice(0, KEY_BYTES_MAX) })}
          />
          {objection && <p className="text-xs text-bad">{objection}</p>}
        </div>
      </div>
    </details>
  );
}

/** Paste, choose or drop. A key that is there is not shown any more. */
function KeyField({
  value,
  testId,
  onChange,
}: {
  value: string;
  testId: string;
  onChange(key: string): void;
}) {
  const id = useId();
  const file = useRef<HTMLInputElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [over, setOver] = useState(false);
  const objection = value.trim() === '' ? null : keyObjection(value);
  const good = value.trim() !== '' && objection === null;

  async function read(chosen: File | undefined) {
    if (!chosen) return;
    if (chosen.size > KEY_BYTES_MAX) {
      setProblem(`${displayName(chosen.name)} is too large for a key.`);
      return;
    }
    setProblem(null);
    onChange(await chosen.text());
  }
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    void read(event.dataTransfer.files[0]);
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping a file is a shortcut for choosing it below.
    <div
      className="grid gap-1"
      onDrop={onDrop}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
    >
      <div className="flex items-end justify-between gap-3">
        <label htmlFor={id} className="text-sm text-dim">
          Private key
        </label>
        <Button small look="quiet" onClick={() => file.current?.click()}>
          <FileUp size={14} aria-hidden />
          Choose a file
        </Button>
        <input
          ref={file}
          type="file"
          hidden
          data-testid={`${testId}-file`}
          onChange={(event) => {
            void read(event.target.files?.[0]);
            event.target.value = '';
          }}
        />
      </div>
      {good ? (
        <div className="flex items-center gap-2.5 rounded-md border border-line-strong bg-ink px-3 py-2 text-sm">
          <KeyRound size={15} aria-hidden className="shrink-0 text-ok" />
          <span className="min-w-0 flex-1 truncate" data-testid={`${testId}-there`}>
            {kindOf(value)}, {value.trim().length} characters
          </span>
          <Button small look="quiet" onClick={() => onChange('')}>
            Remove
          </Button>
        </div>
      ) : (
        <textarea
          id={id}
          data-testid={testId}
          rows={4}
          {...SECRET_FIELD}
          aria-invalid={objection !== null}
          placeholder={'-----BEGIN OPENSSH PRIVATE KEY-----\n…\n-----END OPENSSH PRIVATE KEY-----'}
          className={`field h-auto resize-none py-2 font-mono text-xs leading-5 ${over ? 'border-s1' : ''}`}
          value={value}
          onChange={(event) => {
            setProblem(null);
            onChange(event.target.value.slice(0, KEY_BYTES_MAX));
          }}
        />
      )}
      {(problem ?? objection) && <p className="text-xs text-bad">{problem ?? objection}</p>}
    </div>
  );
}

function kindOf(key: string): string {
  const kind = /-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----/.exec(key)?.[1]?.trim() ?? '';
  const words: Record<string, string> = {
    OPENSSH: 'OpenSSH key',
    RSA: 'RSA key',
    EC: 'ECDSA key',
    ENCRYPTED: 'Encrypted key',
  };
  return words[kind] ?? 'Private key';
}

/** For whoever is no root. */
export function SudoField({ value, testId, onChange }: SudoProps) {
  const id = useId();
  return (
    <div className="grid gap-1">
      <label htmlFor={id} className="text-sm text-dim">
        Sudo password <span className="text-faint">(if sudo asks for one)</span>
      </label>
      <input
        id={id}
        className="field"
        type="password"
        data-testid={`${testId}-sudo`}
        {...SECRET_FIELD}
        autoComplete="new-password"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  );
}

interface SudoProps {
  value: string;
  testId: string;
  onChange(value: string): void;
}
