import { useId } from 'react';
import { AuthFields, SudoField } from './auth-fields';
import { type LoginDraft, takeApart } from './draft';

interface Props {
  draft: LoginDraft;
  onChange(draft: LoginDraft): void;
}

const PLAIN_FIELD = { autoComplete: 'off', autoCapitalize: 'none', spellCheck: false } as const;

/** Where a node is and who logs in there. */
export function LoginFields({ draft, onChange }: Props) {
  const id = useId();
  const change = (part: Partial<LoginDraft>) => onChange({ ...draft, ...part });
  const root = draft.user.trim() === 'root';

  /** `ssh -p 2222 root@pi4` fills all three fields. */
  const settleHost = () => {
    const parts = takeApart(draft.host);
    if (parts) {
      change({
        host: parts.host,
        port: parts.port ?? draft.port,
        user: parts.user ?? draft.user,
      });
    }
  };

  return (
    <div className="grid gap-4">
      <div className="grid grid-cols-[minmax(0,1fr)_5rem] gap-3 sm:grid-cols-[minmax(0,1fr)_5rem_minmax(0,0.6fr)]">
        <div className="grid gap-1">
          <label htmlFor={`${id}-host`} className="text-sm text-dim">
            Host
          </label>
          <input
            id={`${id}-host`}
            className="field"
            data-testid="ssh-host"
            {...PLAIN_FIELD}
            maxLength={260}
            placeholder="pi4.lan"
            value={draft.host}
            onChange={(event) => change({ host: event.target.value })}
            onBlur={settleHost}
          />
        </div>
        <div className="grid gap-1">
          <label htmlFor={`${id}-port`} className="text-sm text-dim">
            Port
          </label>
          <input
            id={`${id}-port`}
            className="field"
            data-testid="ssh-port"
            inputMode="numeric"
            {...PLAIN_FIELD}
            maxLength={5}
            value={draft.port}
            onChange={(event) => change({ port: event.target.value })}
          />
        </div>
        <div className="grid gap-1 max-sm:col-span-2">
          <label htmlFor={`${id}-user`} className="text-sm text-dim">
            SSH user
          </label>
          <input
            id={`${id}-user`}
            className="field"
            data-testid="ssh-user"
            {...PLAIN_FIELD}
            maxLength={64}
            value={draft.user}
            onChange={(event) => change({ user: event.target.value })}
          />
        </div>
      </div>
      <AuthFields auth={draft.auth} testId="ssh" onChange={(auth) => change({ auth })} />
      {!root && <SudoField value={draft.sudo} testId="ssh" onChange={(sudo) => change({ sudo })} />}
    </div>
  );
}

/** A way in through another host: for nodes that can't be reached from here. */
export function JumpFields({ draft, onChange }: Pick<Props, 'draft' | 'onChange'>) {
  const id = useId();
  const { jump } = draft;
  const change = (part: Partial<LoginDraft['jump']>) => onChange({ ...draft, jump: { ...jump, ...part } });
  return (
    <div className="grid gap-3">
      <label className="flex items-center gap-2.5 text-sm">
        <input
          type="checkbox"
          className=""
          data-testid="ssh-jump"
          checked={jump.on}
          onChange={(event) => change({ on: event.target.checked })}
        />
        Go through a jump host
      </label>
      {jump.on && (
        <div className="grid gap-3 border-l border-line-strong pl-4">
          <div className="grid grid-cols-[minmax(0,1fr)_5rem] gap-3 sm:grid-cols-[minmax(0,1fr)_5rem_minmax(0,0.6fr)]">
            {(
              [
                ['host', 'Jump host', ''],
                ['port', 'Port', ''],
                ['user', 'User', 'max-sm:col-span-2'],
              ] as const
            ).map(([name, label, place]) => (
              <div key={name} className={`grid gap-1 ${place}`}>
                <label htmlFor={`${id}-${name}`} className="text-sm text-dim">
                  {label}
                </label>
                <input
                  id={`${id}-${name}`}
                  className="field"
                  data-testid={`ssh-jump-${name}`}
                  {...PLAIN_FIELD}
                  value={jump[name]}
                  onChange={(event) => change({ [name]: event.target.value })}
                />
              </div>
            ))}
          </div>
          <label className="flex items-center gap-2.5 text-sm">
            <input
              type="checkbox"
              className=""
              checked={jump.same}
              onChange={(event) => change({ same: event.target.checked })}
            />
            The same credentials are good there
          </label>
          {!jump.same && (
            <AuthFields auth={jump.auth} testId="ssh-jump" onChange={(auth) => change({ auth })} />
          )}
        </div>
      )}
    </div>
  );
}
