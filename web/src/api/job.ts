/** Jobs as the API and /live show them. Titles, details and output come from outside: text only. */

export type JobState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'lost';
export type StepState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'skipped';

export interface JobStep {
  name: string;
  title: string;
  state: StepState;
  started_ms?: number | null;
  ms?: number | null;
  detail?: string;
  hint?: string;
  cause?: string | null;
  /** Its own part of the output, in bytes. */
  from?: number;
  to?: number;
}

export interface JobError {
  cause: string;
  message: string;
  hint: string;
}

/** What a removal says at its end; other kinds say other things. */
export interface RemovalResult {
  removed?: string[];
  left?: string[];
  commands?: string[];
}

export interface Job {
  id: number;
  kind: string;
  node: number | null;
  node_name?: string | null;
  /** The job that this one is a part of. */
  group?: number | null;
  title: string;
  state: JobState;
  by?: string | null;
  created_ms: number;
  started_ms?: number | null;
  finished_ms?: number | null;
  steps: JobStep[];
  error?: JobError | null;
  result?: Record<string, unknown> | null;
  /** One past the last byte of its output. */
  output_bytes: number;
  left_out_bytes?: number;
  can_cancel: boolean;
  /** Why it can't be cancelled at this point. */
  no_cancel?: string | null;
  /** The job of the same node that has to end first. */
  waits_for?: number | null;
  cancelling?: boolean;
  progress?: { done: number; total: number } | null;
}

export interface JobPage {
  jobs: Job[];
  next: string | null;
}

export interface JobOutput {
  job: number;
  from: number;
  text: string;
  next: number;
  left_out_bytes: number;
  /** Nothing will be added any more. */
  end: boolean;
}

export function isActive(job: Pick<Job, 'state'>): boolean {
  return job.state === 'queued' || job.state === 'running';
}
