import type { Job, JobState, StepState } from '../../api/job';

interface Wave {
  nodes: number;
  state: JobState | StepState;
}

export interface Group {
  waves: Wave[];
  /** Why the rest was not done. */
  stopped: string | null;
  rules: string[];
  /** Nodes that were asked for and not worked on, with the reason. */
  leftOut: { name: string; message: string }[];
}

const STATES: Record<string, Wave['state']> = {
  done: 'done',
  running: 'running',
  waiting: 'waiting',
  stopped: 'cancelled',
  failed: 'failed',
  cancelled: 'cancelled',
  not_begun: 'skipped',
};

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** What a job over many nodes says of its waves. */
export function groupOf(job: Pick<Job, 'result'>): Group {
  const result = record(job.result);
  const waves = Array.isArray(result.waves) ? result.waves : [];
  const stopped = record(result.stopped);
  const detail = typeof stopped.detail === 'string' ? stopped.detail : '';
  return {
    waves: waves.map((wave) => {
      const { nodes, state } = record(wave);
      return {
        nodes: Array.isArray(nodes) ? nodes.length : 0,
        state: STATES[String(state)] ?? 'waiting',
      };
    }),
    stopped: result.stopped ? `Stopped: ${detail || String(stopped.rule ?? 'a node failed')}` : null,
    leftOut: (Array.isArray(result.left_out) ? result.left_out : []).map((one) => {
      const { name, message } = record(one);
      return { name: String(name ?? ''), message: String(message ?? '') };
    }),
    rules: Array.isArray(result.rules) ? result.rules.filter((rule) => typeof rule === 'string') : [],
  };
}
