import { useState } from 'react';
import { accounts } from '../../api/accounts';
import type { NewToken } from '../../api/schema';
import { useSession } from '../../api/session';
import { RIGHTS, ROLES } from '../../lib/access';
import { displayName } from '../../lib/names';
import { DAY_MS } from '../../lib/units';
import { useSubmit } from '../../lib/use-submit';
import { useFleet } from '../../live/store';
import { Button } from '../../ui/button';
import { CopyButton } from '../../ui/copy';
import { Dialog } from '../../ui/dialog';
import { FormEnd } from '../../ui/form-end';
import { Problem } from '../../ui/problem';
import { Segmented } from '../../ui/segmented';
import { TextField } from '../../ui/text-field';
import { Choice } from '../ssh/choice';
import { GrantFields, grantOf, NO_GRANT } from './grant-fields';
import { Handover } from './handover';

const LASTS = [
  { id: '30', label: '30 days' },
  { id: '90', label: '90 days' },
  { id: '365', label: 'A year' },
  { id: 'never', label: 'No end' },
] as const;
type Lasts = (typeof LASTS)[number]['id'];

/** Name, what it is good for, how long; then the token, once. */
export function AddTokenDialog({ onDone, onClose }: { onDone(): void; onClose(): void }) {
  const state = useSession();
  const { skewMs } = useFleet();
  const [name, setName] = useState('');
  const [grant, setGrant] = useState(NO_GRANT);
  const [readOnly, setReadOnly] = useState(true);
  const [lasts, setLasts] = useState<Lasts>('90');
  const [made, setMade] = useState<NewToken | null>(null);
  const own = state.phase === 'in' ? state.session : null;
  const roles = ROLES.filter((role) => own && ROLES.indexOf(role) <= ROLES.indexOf(own.role));
  const rights = RIGHTS.filter((right) => own?.grants.some((one) => one.rights.includes(right)));
  const { busy, error, submit } = useSubmit(async () => {
    const token = await accounts.addToken({
      name: name.trim(),
      ...grantOf(grant),
      read_only: readOnly,
      expires_ms: lasts === 'never' ? null : Math.round(Date.now() + skewMs + Number(lasts) * DAY_MS),
    });
    onDone();
    setMade(token);
  });
  if (made) return <Made token={made} onClose={onClose} />;
  return (
    <Dialog title="Add a token" onClose={onClose} sticky={busy}>
      <form onSubmit={submit} className="grid gap-5" autoComplete="off">
        <TextField
          label="Name"
          note="What uses it, so that it is known again later."
          testId="token-name"
          required
          maxLength={64}
          placeholder="dashboard"
          value={name}
          onChange={setName}
        />
        <Choice
          checked={readOnly}
          onChange={setReadOnly}
          label="It only reads"
          note="It changes nothing, whatever its role. Enough for dashboards and for Prometheus."
        />
        <GrantFields
          draft={grant}
          onChange={setGrant}
          roles={roles}
          rights={readOnly ? [] : rights}
          all="all nodes that you see"
        />
        <div className="grid gap-1">
          <span className="text-sm text-dim">Good for</span>
          <Segmented<Lasts>
            legend="Good for"
            testId="lasts"
            choices={LASTS}
            value={lasts}
            onChange={setLasts}
          />
        </div>
        {error && <Problem error={error} />}
        <FormEnd
          label={busy ? 'Making it…' : 'Make the token'}
          testId="token-submit"
          disabled={busy || name.trim() === ''}
          onLeave={onClose}
        />
      </form>
    </Dialog>
  );
}

function Made({ token, onClose }: { token: NewToken; onClose(): void }) {
  const example = `curl -H 'Authorization: Bearer ${token.token}' \\\n  ${location.origin}/api/nodes`;
  return (
    <Dialog
      title={`The token ${displayName(token.name, 40)}`}
      onClose={onClose}
      sticky
      loses="The token is shown only now. Have you copied it?"
    >
      <div className="grid grid-cols-1 gap-4">
        <Handover lines={[['Token', token.token]]} copy={token.token} copyLabel="Copy the token">
          Shown only now: Ground Control keeps no more than its hash.
        </Handover>
        <div className="grid grid-cols-1 gap-2">
          <div className="flex items-center justify-between gap-3">
            <h3 className="text-sm text-dim">To try it</h3>
            <CopyButton text={example} />
          </div>
          <pre
            data-testid="token-example"
            className="rounded-md border border-line bg-ink px-3 py-2 font-mono text-xs leading-5 wrap-anywhere whitespace-pre-wrap"
          >
            {example}
          </pre>
        </div>
        <div className="flex justify-end">
          <Button onClick={onClose} data-testid="token-done">
            I have copied it
          </Button>
        </div>
      </div>
    </Dialog>
  );
}
