import { useEffect, useMemo, useRef, useState } from 'react';
import { useLocation } from 'wouter';
import { api } from '../../api/client';
import type { AddedNode } from '../../api/types';
import { tagObjection, tagsToGive } from '../../lib/access';
import { displayName } from '../../lib/names';
import { useAccess } from '../../lib/use-access';
import { useSubmit } from '../../lib/use-submit';
import { live, useFleetNode } from '../../live/store';
import { Button } from '../../ui/button';
import { FormEnd } from '../../ui/form-end';
import { Problem } from '../../ui/problem';
import { Sparkline } from '../../ui/sparkline';
import { StatusDot } from '../../ui/status';
import { TextField } from '../../ui/text-field';
import { parseTags } from '../fleet/parse-tags';
import { HandCommands } from './hand-commands';

interface Props {
  /** Something was added that should not be lost by a stray click. */
  onAdded(node: AddedNode): void;
  /** The token has arrived where it belongs. */
  onOnline(): void;
  onClose(): void;
}

/** Name first; then the command with the token, shown once; then it waits for the machine's first hello. */
export function ByHand({ onAdded, onOnline, onClose }: Props) {
  const [added, setAdded] = useState<AddedNode | null>(null);
  return added ? (
    <Command added={added} onOnline={onOnline} onClose={onClose} />
  ) : (
    <NameForm
      onAdded={(node) => {
        setAdded(node);
        onAdded(node);
      }}
      onClose={onClose}
    />
  );
}

function NameForm({ onAdded, onClose }: { onAdded(node: AddedNode): void; onClose(): void }) {
  const [name, setName] = useState('');
  const { who } = useAccess();
  const give = useMemo(() => tagsToGive(who, 'administer'), [who]);
  const [tags, setTags] = useState(give.length === 1 ? give[0]! : '');
  const lacking = tagObjection(give, parseTags(tags));
  const { busy, error, submit } = useSubmit(async () => {
    const added = await api.addNode(name.trim(), parseTags(tags));
    const { token: _token, command: _command, install: _install, ...node } = added;
    live.upsert(node);
    onAdded(added);
  });

  return (
    <form onSubmit={submit} className="grid gap-4">
      <TextField
        label="Name"
        testId="add-node-name"
        required
        maxLength={64}
        placeholder="pi4"
        value={name}
        onChange={setName}
      />
      <TextField
        label="Tags"
        aside={give.length > 0 ? 'with commas between' : 'optional, with commas between'}
        note={lacking ?? undefined}
        testId="add-node-tags"
        placeholder="home, raspberry"
        value={tags}
        onChange={setTags}
      />
      {error && <Problem error={error} />}
      <FormEnd
        label={busy ? 'Adding…' : 'Add node'}
        testId="add-node-submit"
        disabled={busy || name.trim() === '' || lacking !== null}
        onLeave={onClose}
      />
    </form>
  );
}

function Command({ added, onOnline, onClose }: { added: AddedNode; onOnline(): void; onClose(): void }) {
  const [, navigate] = useLocation();
  const node = useFleetNode(added.id);
  const online = node?.status === 'online';
  const told = useRef(onOnline);
  useEffect(() => {
    if (online) told.current();
  }, [online]);
  return (
    <div className="grid grid-cols-1 gap-4">
      <HandCommands added={added} />
      <div
        role="status"
        data-testid="add-node-state"
        data-status={node?.status ?? 'pending'}
        className="flex min-h-14 items-center gap-3 rounded-md border border-line bg-ink px-3 py-2"
      >
        {online ? (
          <>
            <StatusDot status="online" />
            <span className="text-sm">Here am I, floating in my tin can: it is online.</span>
            <span className="ml-auto w-24">
              <Sparkline spark={node?.spark} className="h-6" />
            </span>
          </>
        ) : (
          <>
            <span className="pulse">
              <StatusDot status="pending" />
            </span>
            <span className="text-sm text-dim">Waiting for its first hello…</span>
          </>
        )}
      </div>
      <div className="flex justify-end gap-2">
        <Button look={online ? 'quiet' : 'plain'} onClick={onClose}>
          {online ? 'Close' : 'I have copied it'}
        </Button>
        {online && (
          <Button look="primary" onClick={() => navigate(`/nodes/${added.id}`)} data-testid="add-node-open">
            Open {displayName(added.name, 24)}
          </Button>
        )}
      </div>
    </div>
  );
}
