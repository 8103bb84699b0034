import { type FormEvent, useState } from 'react';
import { accounts } from '../../api/accounts';
import type { ChangeUser, Group, User } from '../../api/schema';
import { grantWords } from '../../lib/access';
import { displayName } from '../../lib/names';
import { useEdit } from '../../lib/use-edit';
import { useSubmit } from '../../lib/use-submit';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { FormEnd } from '../../ui/form-end';
import { Problem } from '../../ui/problem';
import { TextField } from '../../ui/text-field';
import { Choice } from '../ssh/choice';
import { GrantFields, grantDraft, grantOf, NO_GRANT } from './grant-fields';
import { Handover } from './handover';
import { newPassword, PasswordChoice, passwordOf, passwordWrong } from './password-choice';

function GroupChoices({
  groups,
  chosen,
  onChange,
}: {
  groups: readonly Group[];
  chosen: readonly number[];
  onChange(ids: readonly number[]): void;
}) {
  if (groups.length === 0) return null;
  return (
    <fieldset className="grid gap-2">
      <legend className="mb-1 text-sm text-dim">Groups</legend>
      {groups.map((group) => (
        <Choice
          key={group.id}
          checked={chosen.includes(group.id)}
          onChange={(on) =>
            onChange(on ? [...chosen, group.id] : chosen.filter((other) => other !== group.id))
          }
          label={displayName(group.name, 64)}
          note={displayName(grantWords(group), 120)}
        />
      ))}
    </fieldset>
  );
}

interface AddProps {
  groups: readonly Group[];
  onDone(): void;
  onClose(): void;
}

/** Who it is, what they may; then what to hand over to them. */
export function AddUserDialog({ groups, onDone, onClose }: AddProps) {
  const [name, setName] = useState('');
  const [grant, setGrant] = useState(NO_GRANT);
  const [inGroups, setInGroups] = useState<readonly number[]>([]);
  const [password, setPassword] = useState(newPassword);
  const [tried, setTried] = useState(false);
  const [made, setMade] = useState<User | null>(null);
  const wrong = passwordWrong(password, name.trim());
  const { busy, error, submit } = useSubmit(async () => {
    const user = await accounts.addUser({
      username: name.trim(),
      ...passwordOf(password),
      ...grantOf(grant),
      groups: [...inGroups],
    });
    onDone();
    if (password.kind === 'made') setMade(user);
    else onClose();
  });
  function onSubmit(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (!wrong) void submit(event);
  }
  if (made) return <ToHandOver username={made.username} password={password.made} onClose={onClose} />;
  return (
    <Dialog title="Add a user" onClose={onClose} sticky={busy}>
      <form onSubmit={onSubmit} className="grid gap-5" autoComplete="off">
        <TextField
          label="User name"
          testId="user-name"
          required
          maxLength={64}
          placeholder="major"
          value={name}
          onChange={setName}
        />
        <GrantFields draft={grant} onChange={setGrant} />
        <GroupChoices groups={groups} chosen={inGroups} onChange={setInGroups} />
        <PasswordChoice draft={password} wrong={tried ? wrong : null} onChange={setPassword} />
        {error && <Problem error={error} />}
        <FormEnd
          label={busy ? 'Adding…' : 'Add user'}
          testId="user-submit"
          disabled={busy || name.trim() === ''}
          onLeave={onClose}
        />
      </form>
    </Dialog>
  );
}

/** A password for one login, shown once. */
function ToHandOver({
  username,
  password,
  onClose,
}: {
  username: string;
  password: string;
  onClose(): void;
}) {
  return (
    <Dialog
      title="To be handed over"
      onClose={onClose}
      sticky
      loses="The password is shown only now. Have you copied it?"
    >
      <div className="grid grid-cols-1 gap-4">
        <p className="text-sm text-dim">
          <strong className="text-text wrap-anywhere">{displayName(username, 64)}</strong> may sign in with
          this. The password is good until they have chosen their own, which is the first thing that they are
          asked for.
        </p>
        <Handover
          lines={[
            ['Address', location.origin],
            ['User', username],
            ['Password', password],
          ]}
        >
          Shown only now.
        </Handover>
        <div className="flex justify-end">
          <Button onClick={onClose} data-testid="handover-done">
            I have copied it
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

interface EditProps {
  user: User;
  groups: readonly Group[];
  onDone(): void;
  onClose(): void;
}

const draftOf = (user: User) => ({ name: user.username, grant: grantDraft(user), groups: user.groups });

export function EditUserDialog({ user, groups, onDone, onClose }: EditProps) {
  const edit = useEdit(user, draftOf, () => accounts.user(user.id));
  const { draft, base, set } = edit;
  const { busy, error, submit, clear } = useSubmit(async () => {
    const change: ChangeUser = {
      ...(draft.name.trim() === base.username ? {} : { username: draft.name.trim() }),
      ...grantOf(draft.grant),
      groups: [...draft.groups],
    };
    await accounts.changeUser(base.id, change, base.version);
    onDone();
    onClose();
  });
  return (
    <Dialog title={`Edit ${displayName(base.username, 40)}`} onClose={onClose} sticky={busy}>
      <form onSubmit={submit} className="grid gap-5" autoComplete="off">
        <TextField
          label="User name"
          testId="user-name"
          required
          maxLength={64}
          value={draft.name}
          onChange={(name) => set({ ...draft, name })}
        />
        <GrantFields draft={draft.grant} onChange={(grant) => set({ ...draft, grant })} />
        <GroupChoices
          groups={groups}
          chosen={draft.groups}
          onChange={(chosen) => set({ ...draft, groups: [...chosen] })}
        />
        {edit.renewed && (
          <p role="status" className="text-sm text-dim">
            This is what it is now, with what somebody else has changed. Yours is to be done again.
          </p>
        )}
        {error && (
          <Problem
            error={error}
            retryLabel={error.kind === 'precondition_failed' ? 'Show what it is now' : undefined}
            onRetry={
              error.kind === 'precondition_failed' ? () => void edit.renew().then(clear, () => {}) : undefined
            }
          />
        )}
        <FormEnd
          label={busy ? 'Saving…' : 'Save'}
          testId="user-submit"
          disabled={busy || draft.name.trim() === ''}
          onLeave={onClose}
        />
      </form>
    </Dialog>
  );
}

/** Another password for somebody who lost theirs. */
export function NewPasswordDialog({ user, onDone, onClose }: Omit<EditProps, 'groups'>) {
  const [password, setPassword] = useState(newPassword);
  const [tried, setTried] = useState(false);
  const [done, setDone] = useState(false);
  const wrong = passwordWrong(password, user.username);
  const { busy, error, submit } = useSubmit(async () => {
    await accounts.changeUser(user.id, passwordOf(password), user.version);
    onDone();
    if (password.kind === 'made') setDone(true);
    else onClose();
  });
  function onSubmit(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    if (!wrong) void submit(event);
  }
  if (done) return <ToHandOver username={user.username} password={password.made} onClose={onClose} />;
  return (
    <Dialog title={`A new password: ${displayName(user.username, 40)}`} onClose={onClose} sticky={busy}>
      <form onSubmit={onSubmit} className="grid gap-5" autoComplete="off">
        <p className="text-sm text-dim">
          The old one ends at once, and with it all sessions of{' '}
          <strong className="text-text wrap-anywhere">{displayName(user.username, 64)}</strong>. Their tokens
          go on.
        </p>
        <PasswordChoice draft={password} wrong={tried ? wrong : null} onChange={setPassword} />
        {error && <Problem error={error} />}
        <FormEnd
          label={busy ? 'Setting it…' : 'Set the password'}
          testId="password-set"
          disabled={busy}
          onLeave={onClose}
        />
      </form>
    </Dialog>
  );
}
