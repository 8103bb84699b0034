import { type FormEvent, type ReactNode, useState } from 'react';
import type { Job } from '../../api/job';
import type { Secrets } from '../../api/ssh';
import { isTyped } from '../../lib/names';
import { ConfirmName } from '../../ui/confirm-name';
import { Dialog } from '../../ui/dialog';
import { FormEnd } from '../../ui/form-end';
import { Problem } from '../../ui/problem';
import { SecretsFields } from './secrets';
import { useStart } from './use-start';

interface Props {
  title: string;
  /** What will happen, and on which machine. */
  children: ReactNode;
  submit: string;
  danger?: boolean;
  /** Has to be typed before it goes on, where it can't be undone. */
  confirmName?: string;
  wide?: boolean;
  /** It is not known yet whether it may start. */
  held?: boolean;
  /** The credentials are known to be missing. */
  askAtOnce?: boolean;
  start(secrets: Secrets): Promise<{ job: Job }>;
  onStarted?(job: Job): void;
  onClose(): void;
}

/** Says what will happen, and starts a job of it. */
export function RunDialog({
  title,
  children,
  submit,
  danger,
  confirmName,
  wide,
  held = false,
  askAtOnce,
  start,
  onStarted,
  onClose,
}: Props) {
  const [typed, setTyped] = useState('');
  const run = useStart(start, onStarted, askAtOnce);
  const sure = confirmName === undefined || isTyped(typed, confirmName);

  function onSubmit(event: FormEvent) {
    event.preventDefault();
    if (sure && !held) void run.go();
  }

  return (
    <Dialog title={title} onClose={onClose} sticky={run.busy || run.asked} wide={wide}>
      <form onSubmit={onSubmit} className="grid gap-4" autoComplete="off">
        <div className="grid gap-2 text-sm text-dim">{children}</div>
        {run.asked && <SecretsFields draft={run.draft} onChange={run.setDraft} />}
        {confirmName !== undefined && <ConfirmName name={confirmName} value={typed} onChange={setTyped} />}
        {run.error && <Problem error={run.error} />}
        <FormEnd
          label={run.busy ? 'Starting…' : submit}
          testId="run-submit"
          danger={danger}
          disabled={!sure || !run.ready || held}
          onLeave={onClose}
        />
      </form>
    </Dialog>
  );
}
