import Plus from 'lucide-react/icons/plus';
import Trash2 from 'lucide-react/icons/trash-2';
import { useState } from 'react';
import { accounts } from '../../api/accounts';
import type { Token } from '../../api/schema';
import { useSession } from '../../api/session';
import { displayName } from '../../lib/names';
import { dayAndClock } from '../../lib/time';
import { DAY_MS } from '../../lib/units';
import { useAccess } from '../../lib/use-access';
import { useLoaded } from '../../lib/use-loaded';
import { useFleet, useNow } from '../../live/store';
import { Button, IconButton } from '../../ui/button';
import { ConfirmDialog } from '../../ui/confirm-dialog';
import { Empty } from '../../ui/empty';
import { Name } from '../../ui/name';
import { QuietBadge } from '../packages/badges';
import { agoWords, aheadWords } from './ago';
import { GrantLine } from './grant-line';
import { Head, Row, Rows } from './rows';
import { AddTokenDialog } from './token-dialog';

export function Tokens() {
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Token | null>(null);
  const session = useSession();
  const { everywhere } = useAccess();
  const own = session.phase === 'in' ? session.session.user_id : -1;
  const all = everywhere('administer');
  const loaded = useLoaded('', async (signal) => {
    const tokens = await accounts.tokens(signal);
    // One's own first, each the newest first.
    return tokens.sort((a, b) => Number(b.user === own) - Number(a.user === own) || b.id - a.id);
  });
  return (
    <div className="grid grid-cols-1 gap-4">
      <Head
        action={
          <Button look="primary" data-testid="add-token" onClick={() => setAdding(true)}>
            <Plus size={15} strokeWidth={2.5} aria-hidden />
            Add token
          </Button>
        }
      >
        What a script or a dashboard shows instead of a login: good for the API, <code>/live</code> and{' '}
        <code>/metrics</code>, for at most what its owner may. {all && 'You see those of everybody.'}
      </Head>
      <Rows
        label="Tokens"
        testId="tokens"
        loaded={loaded}
        empty={
          <Empty title="No tokens yet" line="Sitting in a tin can, far above the world.">
            <p className="max-w-110 text-sm text-dim">
              Make one for each program, so that each can be taken back by itself.
            </p>
          </Empty>
        }
        row={(token: Token) => (
          <TokenRow
            key={token.id}
            token={token}
            own={token.user === own}
            onRemove={() => setRemoving(token)}
          />
        )}
      />
      {adding && <AddTokenDialog onDone={loaded.reload} onClose={() => setAdding(false)} />}
      {removing && (
        <ConfirmDialog
          title="Remove the token"
          submit="Remove"
          danger
          testId="token-sure"
          send={async () => {
            try {
              await accounts.removeToken(removing.id);
            } finally {
              loaded.reload();
            }
          }}
          onClose={() => setRemoving(null)}
        >
          <p>
            Whatever uses{' '}
            <strong className="text-text wrap-anywhere">{displayName(removing.name, 64)}</strong>
            {removing.user !== own && `, which belongs to ${displayName(removing.username, 64)},`} is refused
            from now on. It can’t be undone.
          </p>
        </ConfirmDialog>
      )}
    </div>
  );
}

function Expiry({ token, now }: { token: Token; now: number }) {
  if (token.expires_ms === null) return <span className="text-faint">Does not expire</span>;
  const left = token.expires_ms - now;
  const at = dayAndClock(token.expires_ms, false);
  if (left <= 0) {
    return (
      <span className="text-bad" title={at}>
        Expired {agoWords(-left)}
      </span>
    );
  }
  return (
    <span className={left < 7 * DAY_MS ? 'text-warn' : 'text-dim'} title={at}>
      Expires {aheadWords(left)}
    </span>
  );
}

function TokenRow({ token, own, onRemove }: { token: Token; own: boolean; onRemove(): void }) {
  const now = useNow(30_000) + useFleet().skewMs;
  return (
    <Row
      id={token.name}
      dim={token.expires_ms !== null && token.expires_ms <= now}
      head={
        <>
          <span className="min-w-0 truncate text-sm font-semibold">
            <Name text={token.name} max={40} />
          </span>
          {token.read_only && <QuietBadge title="It changes nothing">Reads only</QuietBadge>}
          {!own && (
            <span className="truncate text-xs text-faint">
              of <Name text={token.username} max={40} />
            </span>
          )}
        </>
      }
      aside={
        <>
          <span className="block">
            {token.used_ms === null ? (
              <span className="text-faint">Never used</span>
            ) : (
              <span title={dayAndClock(token.used_ms)}>
                Used {agoWords(now - token.used_ms)}
                {token.used_address && ` from ${displayName(token.used_address, 45)}`}
              </span>
            )}
          </span>
          <Expiry token={token} now={now} />
        </>
      }
      action={
        <IconButton
          label={`Remove ${displayName(token.name, 40)}`}
          className="size-7"
          data-testid="remove-token"
          onClick={onRemove}
        >
          <Trash2 size={14} aria-hidden />
        </IconButton>
      }
    >
      <GrantLine grant={token} all={own ? 'all that are yours' : 'all of theirs'} />
    </Row>
  );
}
