import type { ReactNode } from 'react';
import { useSubmit } from '../lib/use-submit';
import { Dialog } from './dialog';
import { FormEnd } from './form-end';
import { Problem } from './problem';

interface Props {
  title: ReactNode;
  /** What will happen, and to whom. */
  children: ReactNode;
  submit: string;
  danger?: boolean;
  testId?: string;
  send(): Promise<void>;
  onClose(): void;
}

/** Says in words what will happen, does it, and shows why it was refused. */
export function ConfirmDialog({ title, children, submit: label, danger, testId, send, onClose }: Props) {
  const { busy, error, submit } = useSubmit(async () => {
    await send();
    onClose();
  });
  return (
    <Dialog title={title} onClose={onClose} sticky={busy}>
      <form onSubmit={submit} className="grid gap-4">
        <div className="grid gap-2 text-sm text-dim">{children}</div>
        {error && <Problem error={error} />}
        <FormEnd
          label={busy ? 'One moment…' : label}
          testId={testId ?? 'confirm-submit'}
          danger={danger}
          disabled={busy}
          onLeave={onClose}
        />
      </form>
    </Dialog>
  );
}
