import { useRef } from 'react';
import { useLocation } from 'wouter';
import { api } from '../../api/client';
import type { Job } from '../../api/job';
import { displayName } from '../../lib/names';
import { RunDialog } from '../ssh/run-dialog';

interface Props {
  job: Job;
  onStarted?(job: Job): void;
  onClose(): void;
}

/** The same again, with the credentials that the server has asked for. */
export default function RetryDialog({ job, onStarted, onClose }: Props) {
  const [, navigate] = useLocation();
  const started = useRef(onStarted ?? ((next: Job) => navigate(`/jobs/${next.id}`)));
  return (
    <RunDialog
      title="Try it again"
      submit="Try again"
      askAtOnce
      start={(secrets) => api.retryJob(job.id, secrets)}
      onStarted={(next) => {
        onClose();
        started.current(next);
      }}
      onClose={onClose}
    >
      <p className="wrap-anywhere">{displayName(job.title, 160)}</p>
    </RunDialog>
  );
}
