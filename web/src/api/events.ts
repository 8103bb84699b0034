/** What happened, as GET /api/events tells it. Every text comes from outside: show it as text only. */

export type EventKind =
  | 'online'
  | 'offline'
  | 'rebooted'
  | 'spider'
  | 'gap'
  | 'job'
  | 'added'
  | 'renamed'
  | 'removed'
  | 'host_key'
  | 'token'
  | 'token_in_use'
  | 'started'
  | 'stopped'
  | 'sign_in_failed'
  | 'clock_doubted'
  | 'clock_settled';

export interface FleetEvent {
  id: number;
  time_ms: number;
  /** Null: of Ground Control itself, or of many nodes. */
  node: number | null;
  node_name: string | null;
  /** Of a later release it may be another one. */
  kind: EventKind | (string & {});
  text: string;
  detail: Readonly<Record<string, unknown>> | null;
}

export interface EventPage {
  events: FleetEvent[];
  next: string | null;
}

export interface EventQuery {
  node?: number;
  kind?: readonly EventKind[];
  cursor?: string;
  limit?: number;
}
