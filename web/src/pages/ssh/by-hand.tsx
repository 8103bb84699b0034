import { useState } from 'react';
import { useLocation } from 'wouter';
import { api } from '../../api/client';
import type { AddedNode } from '../../api/types';
import { displayName } from '../../lib/series-key';
import { useSubmit } from '../../lib/use-submit';
import { live, useFleetNode } from '../../live/store';
import { Button } from '../../ui/button';
import { CopyButton } from '../../ui/copy';
import { FormEnd } from '../../ui/form-end';
import { Problem } from '../../ui/problem';
import { Sparkline } from '../../ui/sparkline';
import { StatusDot } from '../../ui/status';
import { TextField } from '../../ui/text-field';
import { parseTags } from '../fleet/parse-tags';

interface Props {
  /** Something was added that should not be lost by a stray click. */
  onAdded(node: AddedNode): void;
  onClose(): void;
}

/** Name first; then the command with the token, shown once; then it waits for the machine's first hello. */
export function ByHand({ onAdded, onClose }: Props) {
  const [added, setAdded] = useState<AddedNode | null>(null);
  return added ? (
    <Command added={added} onClose={onClose} />
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
  const [tags, setTags] = useState('');
  const { busy, error, submit } = useSubmit(async () => {
    const { token, command, ...node } = await api.addNode(name.trim(), parseTags(tags));
    live.upsert(node);
    onAdded({ ...node, token, command });
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
        aside="optional, with commas between"
        testId="add-node-tags"
        placeholder="home, raspberry"
        value={tags}
        onChange={setTags}
      />
      {error && <Problem error={error} />}
      <FormEnd
        label={busy ? 'Adding…' : 'Add node'}
        testId="add-node-submit"
        disabled={busy || name.trim() === ''}
        onLeave={onClose}
      />
    </form>
  );
}

function Secret({ label, text, testId }: { label: string; text: string; testId: string }) {
  return (
    <div className="grid gap-1">
      <div className="flex items-center justify-between">
        <span className="text-sm text-dim">{label}</span>
        <CopyButton text={text} />
      </div>
      <code
        data-testid={testId}
        className="block rounded-md border border-line bg-ink px-3 py-2 font-mono text-xs leading-5 wrap-anywhere whitespace-pre-wrap select-all"
      >
        {text}
      </code>
    </div>
  );
}

function Command({ added, onClose }: { added: AddedNode; onClose(): void }) {
  const [, navigate] = useLocation();
  const node = useFleetNode(added.id);
  const online = node?.status === 'online';
  return (
    <div className="grid gap-4">
      <Secret label="Paste this on the machine" text={added.command} testId="add-node-command" />
      <Secret label="Its token alone" text={added.token} testId="add-node-token" />
      <p className="text-sm text-dim">
        The token is shown this once. It lets this one machine report and nothing else; if it gets lost,
        remove the node and add it anew.
      </p>
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
