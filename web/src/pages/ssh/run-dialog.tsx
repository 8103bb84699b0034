import { type FormEvent, type ReactNode, useId, useState } from 'react';
import type { Job } from '../../api/job';
import type { Secrets } from '../../api/ssh';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
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
  start,
  onStarted,
  onClose,
}: Props) {
  const id = useId();
  const [typed, setTyped] = useState('');
  const run = useStart(start, onStarted);
  const sure = confirmName === undefined || typed === confirmName;

  function onSubmit(event: FormEvent) {
    event.preventDefault();
    if (sure) void run.go();
  }

  return (
    <Dialog title={title} onClose={onClose} sticky={run.busy || run.asked}>
      <form onSubmit={onSubmit} className="grid gap-4" autoComplete="off">
        <div className="grid gap-2 text-sm text-dim">{children}</div>
        {run.asked && <SecretsFields draft={run.draft} onChange={run.setDraft} />}
        {confirmName !== undefined && (
          <div className="grid gap-1">
            <label htmlFor={id} className="text-sm text-dim">
              To go on, type the name:{' '}
              <span className="text-text select-all wrap-anywhere">{confirmName}</span>
            </label>
            <input
              id={id}
              className="field"
              data-testid="confirm-name"
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
          </div>
        )}
        {run.error && <Problem error={run.error} />}
        <div className="flex justify-end gap-2">
          <Button look="quiet" onClick={onClose}>
            Cancel
          </Button>
          <Button
            look={danger ? 'danger' : 'primary'}
            type="submit"
            data-testid="run-submit"
            disabled={!sure || !run.ready}
          >
            {run.busy ? 'Starting…' : submit}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
