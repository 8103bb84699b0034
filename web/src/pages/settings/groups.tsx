import Ellipsis from 'lucide-react/icons/ellipsis';
import Pencil from 'lucide-react/icons/pencil';
import Plus from 'lucide-react/icons/plus';
import Trash2 from 'lucide-react/icons/trash-2';
import { useState } from 'react';
import { accounts } from '../../api/accounts';
import type { Group, User } from '../../api/schema';
import { displayName } from '../../lib/names';
import { counted } from '../../lib/units';
import { useEdit } from '../../lib/use-edit';
import { useLoaded } from '../../lib/use-loaded';
import { useSubmit } from '../../lib/use-submit';
import { Button } from '../../ui/button';
import { ConfirmDialog } from '../../ui/confirm-dialog';
import { Dialog } from '../../ui/dialog';
import { Empty } from '../../ui/empty';
import { FormEnd } from '../../ui/form-end';
import { Menu } from '../../ui/menu';
import { Name } from '../../ui/name';
import { Problem } from '../../ui/problem';
import { TextField } from '../../ui/text-field';
import { Choice } from '../ssh/choice';
import { type GrantDraft, GrantFields, grantDraft, grantOf, NO_GRANT } from './grant-fields';
import { GrantLine } from './grant-line';
import { Head, Row, Rows } from './rows';

type Open = { what: 'add' } | { what: 'edit' | 'remove'; group: Group };

export function Groups() {
  const [open, setOpen] = useState<Open | null>(null);
  const loaded = useLoaded('', async (signal) => {
    const [users, groups] = await Promise.all([accounts.users(signal), accounts.groups(signal)]);
    return { users, groups };
  });
  const users = loaded.data?.users ?? [];
  const close = () => setOpen(null);
  return (
    <div className="grid grid-cols-1 gap-4">
      <Head
        action={
          <Button look="primary" data-testid="add-group" onClick={() => setOpen({ what: 'add' })}>
            <Plus size={15} strokeWidth={2.5} aria-hidden />
            Add group
          </Button>
        }
      >
        What a group may, each of its members may too, besides what they may themselves.
      </Head>
      <Rows
        label="Groups"
        testId="groups"
        loaded={{ ...loaded, data: loaded.data?.groups ?? null }}
        empty={
          <Empty title="No groups yet" line="There’s a starman waiting in the sky.">
            <p className="max-w-110 text-sm text-dim">
              A group is worth it where several people look after the same nodes: give it a role and tags, and
              make them its members.
            </p>
          </Empty>
        }
        row={(group: Group) => <GroupRow key={group.id} group={group} users={users} onOpen={setOpen} />}
      />
      {open?.what === 'add' && (
        <GroupDialog group={null} users={users} onDone={loaded.reload} onClose={close} />
      )}
      {open?.what === 'edit' && (
        <GroupDialog group={open.group} users={users} onDone={loaded.reload} onClose={close} />
      )}
      {open?.what === 'remove' && (
        <ConfirmDialog
          title="Remove the group"
          submit="Remove"
          danger
          testId="group-sure"
          send={async () => {
            try {
              await accounts.removeGroup(open.group.id, open.group.version);
            } finally {
              loaded.reload();
            }
          }}
          onClose={close}
        >
          <p>
            <strong className="text-text wrap-anywhere">{displayName(open.group.name, 64)}</strong> goes, and
            its {counted(open.group.members.length, 'member')} may at once only what they may themselves or by
            other groups.
          </p>
        </ConfirmDialog>
      )}
    </div>
  );
}

const MEMBERS_SHOWN = 6;

function GroupRow({
  group,
  users,
  onOpen,
}: {
  group: Group;
  users: readonly User[];
  onOpen(open: Open): void;
}) {
  const names = group.members.map((id) => users.find((user) => user.id === id)?.username ?? `user ${id}`);
  const more = names.length - MEMBERS_SHOWN;
  return (
    <Row
      id={group.name}
      head={
        <span className="min-w-0 truncate text-sm font-semibold">
          <Name text={group.name} max={40} />
        </span>
      }
      aside={
        names.length === 0 ? <span className="text-faint">No members</span> : counted(names.length, 'member')
      }
      action={
        <Menu
          small
          label={`Actions for ${displayName(group.name, 40)}`}
          trigger={<Ellipsis size={16} aria-hidden />}
          items={[
            {
              label: 'Edit…',
              icon: <Pencil size={14} aria-hidden />,
              onSelect: () => onOpen({ what: 'edit', group }),
            },
            {
              label: 'Remove…',
              icon: <Trash2 size={14} aria-hidden />,
              danger: true,
              onSelect: () => onOpen({ what: 'remove', group }),
            },
          ]}
        />
      }
    >
      <GrantLine grant={group} />
      {names.length > 0 && (
        <p className="mt-1 text-xs text-faint wrap-anywhere">
          {names
            .slice(0, MEMBERS_SHOWN)
            .map((name) => displayName(name, 40))
            .join(', ')}
          {more > 0 && ` and ${more} more`}
        </p>
      )}
    </Row>
  );
}

interface DialogProps {
  /** Null: a new one. */
  group: Group | null;
  users: readonly User[];
  onDone(): void;
  onClose(): void;
}

interface Draft {
  name: string;
  grant: GrantDraft;
  members: readonly number[];
}

const draftOf = (group: Group | null): Draft =>
  group
    ? { name: group.name, grant: grantDraft(group), members: group.members }
    : { name: '', grant: NO_GRANT, members: [] };

/** Who is in it is kept with each user: those who come and go are changed one by one, after the group. */
async function setMembers(group: Group, members: readonly number[], users: readonly User[]): Promise<void> {
  for (const user of users) {
    const is = user.groups.includes(group.id);
    const shall = members.includes(user.id);
    if (is === shall) continue;
    const groups = shall ? [...user.groups, group.id] : user.groups.filter((id) => id !== group.id);
    await accounts.changeUser(user.id, { groups }, user.version);
  }
}

function GroupDialog({ group, users, onDone, onClose }: DialogProps) {
  const edit = useEdit(group, draftOf, () => accounts.group(group!.id));
  const { draft, base, set } = edit;
  const { busy, error, submit, clear } = useSubmit(async () => {
    const wish = { name: draft.name.trim(), ...grantOf(draft.grant) };
    try {
      const saved = base
        ? await accounts.changeGroup(base.id, wish, base.version)
        : await accounts.addGroup(wish);
      await setMembers(saved, draft.members, users);
    } finally {
      onDone();
    }
    onClose();
  });
  const stale = base !== null && error?.kind === 'precondition_failed';
  return (
    <Dialog
      title={base ? `Edit ${displayName(base.name, 40)}` : 'Add a group'}
      onClose={onClose}
      sticky={busy}
    >
      <form onSubmit={submit} className="grid gap-5" autoComplete="off">
        <TextField
          label="Name"
          testId="group-name"
          required
          maxLength={64}
          placeholder="web team"
          value={draft.name}
          onChange={(name) => set({ ...draft, name })}
        />
        <GrantFields draft={draft.grant} onChange={(grant) => set({ ...draft, grant })} />
        {users.length > 0 && (
          <fieldset className="grid gap-2">
            <legend className="mb-1 text-sm text-dim">Members</legend>
            <div className="grid max-h-52 gap-2 overflow-auto sm:grid-cols-2">
              {users.map((user) => (
                <Choice
                  key={user.id}
                  checked={draft.members.includes(user.id)}
                  onChange={(on) =>
                    set({
                      ...draft,
                      members: on
                        ? [...draft.members, user.id]
                        : draft.members.filter((other) => other !== user.id),
                    })
                  }
                  label={displayName(user.username, 40)}
                  note={user.disabled ? 'Disabled' : ''}
                />
              ))}
            </div>
          </fieldset>
        )}
        {edit.renewed && (
          <p role="status" className="text-sm text-dim">
            This is what it is now, with what somebody else has changed. Yours is to be done again.
          </p>
        )}
        {error && (
          <Problem
            error={error}
            retryLabel={stale ? 'Show what it is now' : undefined}
            onRetry={stale ? () => void edit.renew().then(clear, () => {}) : undefined}
          />
        )}
        <FormEnd
          label={busy ? 'Saving…' : base ? 'Save' : 'Add group'}
          testId="group-submit"
          disabled={busy || draft.name.trim() === ''}
          onLeave={onClose}
        />
      </form>
    </Dialog>
  );
}
