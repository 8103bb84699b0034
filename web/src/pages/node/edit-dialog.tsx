import { useState } from 'react';
import { api } from '../../api/client';
import { useSubmit } from '../../lib/use-submit';
import type { FleetNode } from '../../live/fleet';
import { live } from '../../live/store';
import { Dialog } from '../../ui/dialog';
import { FormEnd } from '../../ui/form-end';
import { Problem } from '../../ui/problem';
import { TextField } from '../../ui/text-field';
import { parseTags } from '../fleet/parse-tags';

interface Props {
  node: FleetNode;
  what: 'name' | 'tags';
  onClose(): void;
}

export function EditDialog({ node, what, onClose }: Props) {
  const isName = what === 'name';
  const [text, setText] = useState(isName ? node.name : node.tags.join(', '));
  const { busy, error, submit } = useSubmit(async () => {
    live.upsert(await api.updateNode(node.id, isName ? { name: text.trim() } : { tags: parseTags(text) }));
    onClose();
  });
  return (
    <Dialog title={isName ? 'Rename the node' : 'Edit tags'} onClose={onClose}>
      <form onSubmit={submit} className="grid gap-4">
        <TextField
          label={isName ? 'Name' : 'Tags, with commas between'}
          note={
            isName
              ? 'Only the name shown here changes; the machine keeps its host name, and its history stays.'
              : undefined
          }
          testId={`edit-${what}`}
          required={isName}
          value={text}
          onChange={setText}
        />
        {error && <Problem error={error} />}
        <FormEnd
          label={busy ? 'Saving…' : 'Save'}
          testId="edit-submit"
          disabled={busy || (isName && text.trim() === '')}
          onLeave={onClose}
        />
      </form>
    </Dialog>
  );
}
