import Ellipsis from 'lucide-react/icons/ellipsis';
import KeyRound from 'lucide-react/icons/key-round';
import LogOut from 'lucide-react/icons/log-out';
import Pencil from 'lucide-react/icons/pencil';
import Plus from 'lucide-react/icons/plus';
import RotateCcwKey from 'lucide-react/icons/rotate-ccw-key';
import ShieldOff from 'lucide-react/icons/shield-off';
import Trash2 from 'lucide-react/icons/trash-2';
import UserCheck from 'lucide-react/icons/user-check';
import UserX from 'lucide-react/icons/user-x';
import { useState } from 'react';
import { accounts } from '../../api/accounts';
import { factors } from '../../api/factors';
import type { Group, User } from '../../api/schema';
import { useSession } from '../../api/session';
import { displayName } from '../../lib/names';
import { dayAndClock } from '../../lib/time';
import { useAction } from '../../lib/use-action';
import { useLoaded } from '../../lib/use-loaded';
import { useFleet, useNow } from '../../live/store';
import { Button } from '../../ui/button';
import { ConfirmDialog } from '../../ui/confirm-dialog';
import { Menu } from '../../ui/menu';
import { Name } from '../../ui/name';
import { Problem } from '../../ui/problem';
import { QuietBadge } from '../packages/badges';
import { agoWords } from './ago';
import { GrantLine } from './grant-line';
import { Head, Row, Rows } from './rows';
import { AddUserDialog, EditUserDialog, NewPasswordDialog } from './user-dialog';

type Open =
  | { what: 'add' }
  | { what: 'edit' | 'password' | 'force' | 'factors' | 'end' | 'disable' | 'remove'; user: User };

const ASKED = [
  ['', 'nobody has to'],
  ['admin', 'admins have to'],
  ['operator', 'operators and admins have to'],
  ['viewer', 'everybody has to'],
] as const;

/** From which role on a second factor is a must. */
function WhoNeedsFactor() {
  const { data, error, reload } = useLoaded('', (signal) => factors.settings(signal));
  const { busy, refused, act } = useAction();
  if (error && !data) return <Problem error={error} onRetry={reload} />;
  if (!data) return null;
  return (
    <div className="grid grid-cols-1 gap-2">
      <label className="flex flex-wrap items-center gap-x-2 gap-y-1 text-sm text-dim">
        Besides the password,
        <select
          className="field h-8 w-auto px-2 text-sm pointer-coarse:h-10"
          data-testid="factor-for"
          disabled={busy}
          value={data.second_factor_for ?? ''}
          onChange={(event) => {
            const role = ASKED.find(([id]) => id === event.target.value)?.[0] || null;
            void act(async () => {
              await factors.wanted(role);
              reload();
            });
          }}
        >
          {ASKED.map(([id, words]) => (
            <option key={id} value={id}>
              {words}
            </option>
          ))}
        </select>
        show a second factor.
      </label>
      <p className="text-xs text-faint">
        Who has none sets one up before anything else, from now on; that goes for you too. Tokens are not
        asked.
      </p>
      {refused && <Problem error={refused} />}
    </div>
  );
}

export function Users() {
  const [open, setOpen] = useState<Open | null>(null);
  const loaded = useLoaded('', async (signal) => {
    const [users, groups] = await Promise.all([accounts.users(signal), accounts.groups(signal)]);
    return { users, groups };
  });
  const groups = loaded.data?.groups ?? [];
  const { reload } = loaded;
  const close = () => setOpen(null);
  return (
    <div className="grid grid-cols-1 gap-4">
      <Head
        action={
          <Button look="primary" data-testid="add-user" onClick={() => setOpen({ what: 'add' })}>
            <Plus size={15} strokeWidth={2.5} aria-hidden />
            Add user
          </Button>
        }
      >
        Who may sign in, and what they may then. What the groups of somebody may comes on top.
      </Head>
      <Rows
        label="Users"
        testId="users"
        loaded={{ ...loaded, data: loaded.data?.users ?? null }}
        row={(user: User) => <UserRow key={user.id} user={user} groups={groups} onOpen={setOpen} />}
      />
      <WhoNeedsFactor />
      {open?.what === 'add' && <AddUserDialog groups={groups} onDone={reload} onClose={close} />}
      {open?.what === 'edit' && (
        <EditUserDialog user={open.user} groups={groups} onDone={reload} onClose={close} />
      )}
      {open?.what === 'password' && <NewPasswordDialog user={open.user} onDone={reload} onClose={close} />}
      {open && open.what !== 'add' && open.what !== 'edit' && open.what !== 'password' && (
        <Sure what={open.what} user={open.user} onDone={reload} onClose={close} />
      )}
    </div>
  );
}

interface RowProps {
  user: User;
  groups: readonly Group[];
  onOpen(open: Open): void;
}

function UserRow({ user, groups, onOpen }: RowProps) {
  const session = useSession();
  const now = useNow(30_000) + useFleet().skewMs;
  const own = session.phase === 'in' && session.session.user_id === user.id;
  const item = (what: Exclude<Open['what'], 'add'>, label: string, Icon: typeof Pencil, danger = false) => ({
    label,
    icon: <Icon size={14} aria-hidden />,
    danger,
    onSelect: () => onOpen({ what, user }),
  });
  const items = [
    item('edit', 'Edit…', Pencil),
    // One's own password is changed where the old one is asked for.
    ...(own
      ? []
      : [
          item('password', 'A new password…', KeyRound),
          ...(user.must_change_password ? [] : [item('force', 'Make them choose a new one…', RotateCcwKey)]),
          item('factors', 'Take their second factor…', ShieldOff),
          item('end', 'End their sessions…', LogOut),
          item('disable', user.disabled ? 'Enable…' : 'Disable…', user.disabled ? UserCheck : UserX),
        ]),
    item('remove', 'Remove…', Trash2, true),
  ];
  return (
    <Row
      id={user.username}
      dim={user.disabled}
      head={
        <>
          <span className="min-w-0 truncate text-sm font-semibold">
            <Name text={user.username} max={40} />
          </span>
          {own && <QuietBadge>You</QuietBadge>}
          {user.disabled && (
            <span className="rounded-sm border border-warn/50 px-1.5 text-2xs leading-4.5 text-warn">
              Disabled
            </span>
          )}
          {user.must_change_password && (
            <QuietBadge title="Nothing else works for them until they have">
              Has to choose a password
            </QuietBadge>
          )}
        </>
      }
      aside={
        user.login_ms === null ? (
          <span className="text-faint">Never signed in</span>
        ) : (
          <span title={dayAndClock(user.login_ms)}>Signed in {agoWords(now - user.login_ms)}</span>
        )
      }
      action={
        <Menu
          small
          label={`Actions for ${displayName(user.username, 40)}`}
          trigger={<Ellipsis size={16} aria-hidden />}
          items={items}
        />
      }
    >
      <GrantLine grant={user} />
      {user.groups.length > 0 && (
        <p className="mt-1 text-xs text-faint wrap-anywhere">
          In{' '}
          {user.groups
            .map((id) => displayName(groups.find((one) => one.id === id)?.name ?? `group ${id}`, 40))
            .join(', ')}
        </p>
      )}
    </Row>
  );
}

interface SureProps {
  what: 'force' | 'factors' | 'end' | 'disable' | 'remove';
  user: User;
  onDone(): void;
  onClose(): void;
}

async function endAll(user: number): Promise<void> {
  const sessions = await accounts.sessions();
  for (const session of sessions.filter((one) => one.user === user)) await accounts.endSession(session.id);
}

/** What takes a yes before it is done. */
function Sure({ what, user, onDone, onClose }: SureProps) {
  const name = <strong className="text-text wrap-anywhere">{displayName(user.username, 64)}</strong>;
  const send = (act: () => Promise<unknown>) => async () => {
    try {
      await act();
    } finally {
      onDone();
    }
  };
  const shared = { onClose, testId: 'user-sure' };
  switch (what) {
    case 'force':
      return (
        <ConfirmDialog
          {...shared}
          title="Make them choose a new password"
          submit="Make them choose one"
          send={send(() => accounts.changeUser(user.id, { must_change_password: true }, user.version))}
        >
          <p>
            All sessions of {name} end. At the next login, with the password as it is, nothing works until
            another one is chosen.
          </p>
        </ConfirmDialog>
      );
    case 'factors':
      return (
        <ConfirmDialog
          {...shared}
          title="Take their second factor"
          submit="Take it"
          danger
          send={send(() => factors.removeOf(user.id))}
        >
          <p>
            For when the phone or the key is lost: the authenticator app, the passkeys and the recovery codes
            of {name} are good no more, and the password alone signs them in. Where their role takes a second
            factor, a new one is the first thing that they set up.
          </p>
        </ConfirmDialog>
      );
    case 'end':
      return (
        <ConfirmDialog
          {...shared}
          title="End their sessions"
          submit="End them"
          send={send(() => endAll(user.id))}
        >
          <p>{name} is signed out everywhere, and may sign in again. Their tokens go on.</p>
        </ConfirmDialog>
      );
    case 'disable':
      return user.disabled ? (
        <ConfirmDialog
          {...shared}
          title="Enable the user"
          submit="Enable"
          send={send(() => accounts.changeUser(user.id, { disabled: false }, user.version))}
        >
          <p>{name} may sign in again, with the password of before. Their tokens work again too.</p>
        </ConfirmDialog>
      ) : (
        <ConfirmDialog
          {...shared}
          danger
          title="Disable the user"
          submit="Disable"
          send={send(() => accounts.changeUser(user.id, { disabled: true }, user.version))}
        >
          <p>
            {name} is signed out everywhere at once and can’t sign in; their tokens stop working. Everything
            comes back when the user is enabled again.
          </p>
        </ConfirmDialog>
      );
    case 'remove':
      return (
        <ConfirmDialog
          {...shared}
          danger
          title="Remove the user"
          submit="Remove"
          send={send(() => accounts.removeUser(user.id, user.version))}
        >
          <p>
            {name} is signed out everywhere at once, and their tokens end. It can’t be undone. What they have
            done stays in the audit.
          </p>
        </ConfirmDialog>
      );
  }
}
