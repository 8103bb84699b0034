/** What Ground Control says, as it is on the wire. Every string in here comes from outside: show it as text only. */
import type { FleetEvent } from './events';
import type { Job } from './job';
import type { Grant, Role } from './schema';

export type NodeStatus = 'online' | 'offline' | 'pending';

export interface Session {
  username: string;
  user_id: number;
  /** The highest anywhere. */
  role: Role;
  /** Of the user and of the user's groups. */
  grants: Grant[];
  limit?: Grant;
  read_only: boolean;
  csrf: string;
  must_change_password: boolean;
  /** A second factor has to be set up before anything else. */
  must_enrol: boolean;
  expires_ms: number | null;
}

export interface Identity {
  hostname?: string | null;
  os?: string | null;
  os_id?: string | null;
  kernel?: string | null;
  arch?: string | null;
  cpu_model?: string | null;
  cores?: number | null;
  mem_total_bytes?: number | null;
  package_manager?: string | null;
  init?: string | null;
  virtualization?: string | null;
  container?: string | null;
  board?: string | null;
  boot_id?: string | null;
}

type Maybe = number | null | undefined;

export interface Summary {
  time_ms?: Maybe;
  cpu_percent?: Maybe;
  cores?: Maybe;
  mem_used_bytes?: Maybe;
  mem_total_bytes?: Maybe;
  swap_used_bytes?: Maybe;
  swap_total_bytes?: Maybe;
  disk_mount?: string | null;
  disk_used_bytes?: Maybe;
  disk_total_bytes?: Maybe;
  disk_percent?: Maybe;
  disk_free_bytes?: Maybe;
  disk_read_bytes_per_s?: Maybe;
  disk_write_bytes_per_s?: Maybe;
  net_rx_bytes_per_s?: Maybe;
  net_tx_bytes_per_s?: Maybe;
  load_1m?: Maybe;
  load_5m?: Maybe;
  load_15m?: Maybe;
  procs?: Maybe;
  temp_celsius?: Maybe;
  temp_sensor?: string | null;
  uptime_ms?: Maybe;
  tcp_established?: Maybe;
}

export interface Spark {
  step_ms: number;
  end_ms: number;
  cpu_percent: (number | null)[];
}

export interface Node {
  id: number;
  name: string;
  tags: string[];
  status: NodeStatus;
  since_ms?: number | null;
  reason?: string | null;
  created_ms?: number | null;
  last_seen_ms?: number | null;
  interval_ms?: number | null;
  address?: string | null;
  spider_version?: string | null;
  identity?: Identity | null;
  summary?: Summary | null;
  spark?: Spark | null;
  /** Ground Control knows how to reach it over SSH. */
  managed?: boolean;
  /** Its Spider was put there by Ground Control. */
  installed?: boolean;
}

export interface AddedNode extends Node {
  token: string;
  command: string;
  /** Pasted into a root shell it installs the Spider, with this token, as a service. */
  install: string;
}

/** A Spider that Ground Control has, for who installs it by hand. */
export interface SpiderFile {
  arch: string;
  bytes: number;
  sha256: string;
  path: string;
}

export type SeriesKind = 'counter' | 'gauge';

export interface SeriesInfo {
  key: string;
  unit: string;
  kind: SeriesKind;
}

export type Cell = number | null;

export type HistoryPart = 'avg' | 'min' | 'max' | 'count' | 'increase';

/** `unit` is that of `avg`, `min` and `max`: a counter's are rates (`bytes/s`). */
export interface HistorySeries extends SeriesInfo {
  /** What was asked for with `parts`. */
  count?: number[];
  avg?: Cell[];
  min?: Cell[];
  max?: Cell[];
  increase?: Cell[];
  increase_unit?: string;
}

export interface Gap {
  from: number;
  to: number;
  cause: string;
  text: string;
}

export interface History {
  node: number;
  from: number;
  to: number;
  step_ms: number;
  tier: string;
  times: number[];
  series: HistorySeries[];
  gaps: Gap[];
}

/** What a node's last work came to, where that was nothing good. */
export interface FailedJob {
  node: number;
  id: number;
  kind: string;
  title: string;
  state: 'failed' | 'lost';
  finished_ms: number;
  message: string;
}

/** A node's new sample; the snapshot has the names of its values. A node without one has no summary. */
export type SampleRow = (number | string | null)[];

export type LiveMessage =
  | {
      type: 'snapshot';
      time_ms: number;
      version: string;
      /** As in `changes`. */
      turns?: number;
      nodes: Node[];
      jobs?: Job[];
      /** Nodes whose last work failed. */
      failed?: FailedJob[];
      /** What the values of a row of samples are: `id`, `last_seen_ms`, then fields of the summary. */
      sample_fields?: string[];
    }
  | {
      type: 'changes';
      time_ms: number;
      /** Messages (two a second) until each node has had its turn in `samples`. */
      turns?: number;
      nodes?: (Partial<Node> & { id: number })[];
      samples?: SampleRow[];
      removed?: number[];
    }
  | { type: 'layout'; node: number; layout: number; series: SeriesInfo[] }
  | { type: 'sample'; node: number; layout: number; time_ms: number; values: Cell[] }
  | { type: 'job'; job: Job }
  | { type: 'output'; job: number; from: number; text: string }
  | { type: 'events'; events: FleetEvent[]; more: boolean }
  | { type: 'bye'; reason: string };
