import Trash2 from 'lucide-react/icons/trash-2';
import { type ReactNode, useState } from 'react';
import { factors } from '../../api/factors';
import type { Factors, Passkey } from '../../api/schema';
import { displayName } from '../../lib/names';
import { dayAndClock } from '../../lib/time';
import { useLoaded } from '../../lib/use-loaded';
import { useSubmit } from '../../lib/use-submit';
import { noPasskeys } from '../../lib/webauthn';
import { useFleet, useNow } from '../../live/store';
import { Button, IconButton } from '../../ui/button';
import { ConfirmDialog } from '../../ui/confirm-dialog';
import { Dialog } from '../../ui/dialog';
import { FormEnd } from '../../ui/form-end';
import { Name } from '../../ui/name';
import { Problem } from '../../ui/problem';
import { agoWords } from '../settings/ago';
import { PasskeyDialog } from './passkey-dialog';
import { RecoveryCodes } from './recovery';
import { TotpSetup } from './totp-setup';

type Open =
  | { what: 'totp' | 'totp-remove' | 'passkey' | 'recovery' }
  | { what: 'passkey-remove'; passkey: Passkey };

/** What is asked for at the login beside the password. */
export function SecondFactors() {
  const { data, error, reload } = useLoaded('', (signal) => factors.list(signal));
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => {
    setOpen(null);
    reload();
  };
  if (!data) {
    return error ? (
      <Problem error={error} onRetry={reload} />
    ) : (
      <p className="late text-sm text-faint">One moment…</p>
    );
  }
  return (
    <div className="grid grid-cols-1 gap-4" data-testid="second-factors">
      {error && <Problem error={error} onRetry={reload} />}
      <Shown have={data} onOpen={setOpen} />
      {open?.what === 'totp' && <TotpDialog onClose={close} />}
      {open?.what === 'passkey' && <PasskeyDialog onClose={close} />}
      {open?.what === 'recovery' && <RecoveryDialog onClose={close} />}
      {open?.what === 'totp-remove' && (
        <ConfirmDialog
          title="Remove the authenticator app"
          submit="Remove"
          danger
          send={() => factors.removeTotp()}
          onClose={close}
        >
          <p>
            Its codes are asked for no more.
            {data.passkeys.length === 0 && ' The password alone signs you in then.'}
          </p>
        </ConfirmDialog>
      )}
      {open?.what === 'passkey-remove' && (
        <ConfirmDialog
          title="Remove the passkey"
          submit="Remove"
          danger
          send={() => factors.removePasskey(open.passkey.id)}
          onClose={close}
        >
          <p>
            <strong className="text-text wrap-anywhere">{displayName(open.passkey.name, 64)}</strong> signs
            you in no more. What the device keeps of it you can delete there.
            {!data.totp && data.passkeys.length === 1 && ' The password alone signs you in then.'}
          </p>
        </ConfirmDialog>
      )}
    </div>
  );
}

function Part({ title, note, action }: { title: string; note: ReactNode; action: ReactNode }) {
  return (
    <div className="flex flex-wrap items-start justify-between gap-x-4 gap-y-2">
      <div className="min-w-0 flex-1 basis-56">
        <p className="text-sm font-medium">{title}</p>
        <p className="text-xs text-faint">{note}</p>
      </div>
      {action}
    </div>
  );
}

function Shown({ have, onOpen }: { have: Factors; onOpen(open: Open): void }) {
  const now = useNow(30_000) + useFleet().skewMs;
  const none = noPasskeys();
  const any = have.totp || have.passkeys.length > 0;
  return (
    <>
      <Part
        title="Authenticator app"
        note={have.totp ? 'Its code is asked for at each login.' : 'A code of six digits from your phone.'}
        action={
          have.totp ? (
            <Button small data-testid="totp-remove" onClick={() => onOpen({ what: 'totp-remove' })}>
              Remove…
            </Button>
          ) : (
            <Button small data-testid="totp-add" onClick={() => onOpen({ what: 'totp' })}>
              Set it up…
            </Button>
          )
        }
      />
      <div className="grid gap-2">
        <Part
          title="Passkeys"
          note={
            none ?? 'The device’s own fingerprint or PIN, or a security key. Also in place of the password.'
          }
          action={
            <Button
              small
              data-testid="passkey-add"
              disabled={none !== null}
              title={none ?? undefined}
              onClick={() => onOpen({ what: 'passkey' })}
            >
              Add one…
            </Button>
          }
        />
        {have.passkeys.length > 0 && (
          <ul className="divide-y divide-line rounded-md border border-line" aria-label="Passkeys">
            {have.passkeys.map((passkey) => (
              <li key={passkey.id} className="flex items-center gap-3 py-1 pr-1 pl-3 text-sm">
                <span className="min-w-0 flex-1 truncate">
                  <Name text={passkey.name} max={40} />
                </span>
                <span
                  className="shrink-0 text-xs text-faint"
                  title={`Made ${dayAndClock(passkey.created_ms)}`}
                >
                  {passkey.used_ms === null ? 'Never used' : `Used ${agoWords(now - passkey.used_ms)}`}
                </span>
                <IconButton
                  label={`Remove ${displayName(passkey.name, 40)}`}
                  className="size-7"
                  onClick={() => onOpen({ what: 'passkey-remove', passkey })}
                >
                  <Trash2 size={14} aria-hidden />
                </IconButton>
              </li>
            ))}
          </ul>
        )}
      </div>
      {any && (
        <Part
          title="Recovery codes"
          note={
            have.recovery_left === 0 ? (
              <span className="text-warn">None are left: without one, a lost device locks you out.</span>
            ) : have.recovery_left <= FEW ? (
              <span className="text-warn">
                {have.recovery_left} {have.recovery_left === 1 ? 'is' : 'are'} left: it is time for new ones.
              </span>
            ) : (
              `${have.recovery_left} are left, each good once.`
            )
          }
          action={
            <Button small data-testid="recovery-new" onClick={() => onOpen({ what: 'recovery' })}>
              Make new ones…
            </Button>
          }
        />
      )}
    </>
  );
}

/** With so few left new ones are due. */
const FEW = 2;

const NOT_KEPT = 'The codes are shown only now. Have you kept them?';

function TotpDialog({ onClose }: { onClose(): void }) {
  const [shown, setShown] = useState(false);
  return (
    <Dialog title="Authenticator app" onClose={onClose} sticky={shown} loses={shown ? NOT_KEPT : null}>
      <TotpSetup onShown={() => setShown(true)} onDone={onClose} />
    </Dialog>
  );
}

function RecoveryDialog({ onClose }: { onClose(): void }) {
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const { busy, error, submit } = useSubmit(async () =>
    setCodes((await factors.newRecovery()).recovery_codes),
  );
  return (
    <Dialog
      title="New recovery codes"
      onClose={onClose}
      sticky={busy || codes !== null}
      loses={codes ? NOT_KEPT : null}
    >
      {codes ? (
        <RecoveryCodes codes={codes} onDone={onClose} />
      ) : (
        <form onSubmit={submit} className="grid gap-4">
          <p className="text-sm text-dim">Those of before are good no more from then on.</p>
          {error && <Problem error={error} />}
          <FormEnd
            label={busy ? 'Making them…' : 'Make them'}
            testId="recovery-submit"
            disabled={busy}
            onLeave={onClose}
          />
        </form>
      )}
    </Dialog>
  );
}
