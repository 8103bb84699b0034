import type { EventPage, EventQuery } from './events';
import type { HistoryClock, HistoryHealth, HistoryStatus } from './history-status';
import type { Job, JobOutput, JobPage } from './job';
import type {
  FleetPackages,
  FleetPreviewPage,
  FleetUpgrade,
  InstalledPage,
  NodePackages,
  PackageAction,
  PackageDetails,
  Preview,
  PreviewAction,
  SearchAnswer,
} from './packages';
import type { Login, PasskeyQuestion, SignInMethods } from './schema';
import type { CheckReport, Connection, DeployRequest, ImportHost, Secrets, SshLogin } from './ssh';
import type { AddedNode, History, HistoryPart, Node, Session, SpiderFile } from './types';

/** A refusal or a failure, in the words of the API: what failed and what to do next. */
export class ApiError extends Error {
  override name = 'ApiError';
  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
    readonly hint: string,
    /** Seconds to wait before the next try, from Retry-After. */
    readonly retryAfterS: number | null = null,
    /** What else the answer held, for the kinds that bring something along. */
    readonly body: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

/** Whoever holds the session hears of it here when the server says that it ended. */
type SessionListener = (kind: 'unauthenticated' | 'password_change_required' | 'factor_required') => void;
let onSessionLost: SessionListener = () => {};
let csrfToken = '';

export function setCsrf(token: string): void {
  csrfToken = token;
}
/** Asks whoever is there to prove it; true: they have, and it is good to ask again. */
let prove: () => Promise<boolean> = () => Promise.resolve(false);
export function setProver(prover: typeof prove): void {
  prove = prover;
}
export function setSessionListener(listener: SessionListener): void {
  onSessionLost = listener;
}

const TIMEOUT_MS = 20_000;
/** A try of a login goes over the network to the node: the server takes up to 50 seconds for it. */
const LOGIN_TIMEOUT_MS = 65_000;
const BUSY_WAIT_S_MAX = 5;
const OF_LOGINS: ReadonlySet<string> = new Set(['bad_credentials', 'factor_needed']);

function retryAfterSeconds(response: Response): number | null {
  const seconds = Number.parseInt(response.headers.get('Retry-After') ?? '', 10);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}

async function errorFrom(response: Response): Promise<ApiError> {
  let kind = 'http';
  let message = `Ground Control answered with status ${response.status}.`;
  let hint = response.status >= 500 ? 'Try again; if it stays, look at the log of the server.' : '';
  let body: Record<string, unknown> & { error?: { kind?: string; message?: string; hint?: string } } = {};
  try {
    body = await response.json();
    if (body.error) {
      kind = String(body.error.kind ?? kind);
      message = String(body.error.message ?? message);
      hint = String(body.error.hint ?? hint);
    }
  } catch {
    // Not JSON: a proxy in front may have answered. The status alone has to do.
  }
  return new ApiError(response.status, kind, message, hint, retryAfterSeconds(response), body);
}

/** One call, and once more after a proof, where it takes one. `ifMatch`: a version, as an ETag. */
export async function call<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  timeoutMs = TIMEOUT_MS,
  ifMatch?: number,
): Promise<T> {
  const ask = () => persist<T>(method, path, body, signal, timeoutMs, ifMatch);
  try {
    return await ask();
  } catch (cause) {
    // A proof of the wrong kind is refused in the same words: that one is for the dialog.
    const wanted = cause instanceof ApiError && cause.kind === 'proof_needed' && path !== '/api/auth/proof';
    if (!wanted || signal?.aborted || !(await prove())) throw cause;
    signal?.throwIfAborted();
    return ask();
  }
}

/** A call, and a second try where the first was refused for a passing reason. */
async function persist<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  timeoutMs = TIMEOUT_MS,
  ifMatch?: number,
): Promise<T> {
  try {
    return await send<T>(method, path, body, signal, timeoutMs, ifMatch);
  } catch (cause) {
    if (!(cause instanceof ApiError) || signal?.aborted) throw cause;
    if (cause.kind === 'csrf') {
      // Another tab signed in anew: the cookie is shared, its counterpart has to be fetched.
      setCsrf((await send<Session>('GET', '/api/auth/session')).csrf);
    } else if (cause.status === 503 && method === 'GET') {
      const waitS = Math.min(cause.retryAfterS ?? 1, BUSY_WAIT_S_MAX);
      await new Promise((resolve) => setTimeout(resolve, waitS * 1000 * (0.5 + Math.random())));
      signal?.throwIfAborted();
    } else {
      throw cause;
    }
    return send<T>(method, path, body, signal, timeoutMs, ifMatch);
  }
}

async function send<T>(
  method: string,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
  timeoutMs = TIMEOUT_MS,
  ifMatch?: number,
): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (ifMatch !== undefined) headers['If-Match'] = `"${ifMatch}"`;
  if (method !== 'GET' && csrfToken) headers['X-CSRF-Token'] = csrfToken;
  const deadline = AbortSignal.timeout(timeoutMs);
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      credentials: 'same-origin',
      cache: 'no-store',
    });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(
      0,
      'unreachable',
      'Ground Control can’t be reached.',
      'Check that the server runs and that this device is on the network, then try again.',
    );
  }
  if (!response.ok) {
    const error = await errorFrom(response);
    // What is wrong or missing at a login is an answer to the form, not the end of the session.
    if (error.status === 401 && !OF_LOGINS.has(error.kind)) onSessionLost('unauthenticated');
    if (error.kind === 'password_change_required' || error.kind === 'factor_required') {
      onSessionLost(error.kind);
    }
    throw error;
  }
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError(
      response.status,
      'bad_answer',
      'The answer was not what the Capsule expects.',
      'A proxy in front may have changed it, or the server has another version: reload the page.',
    );
  }
}

export interface HistoryQuery {
  series: string[];
  from: number;
  to: number;
  points: number;
  /** Left out: avg, min and max. */
  parts?: readonly HistoryPart[];
  /** Left out: all that the numbers have. */
  digits?: number;
}

export interface JobsQuery {
  state?: 'active' | 'finished';
  node?: number;
  group?: number;
  cursor?: string;
  limit?: number;
}

type Started = { job: Job };

/** Asked of a node over SSH: with what is kept for it, or with what is given for this once. */
function question<T>(path: string, secrets: Secrets, signal?: AbortSignal): Promise<T> {
  const [method, body] = secrets.auth ? (['POST', secrets] as const) : (['GET', undefined] as const);
  return call<T>(method, path, body, signal, LOGIN_TIMEOUT_MS);
}

export const api = {
  login: (login: Login) => call<Session>('POST', '/api/auth/login', login),
  /** Which ways in there are. */
  methods: (signal?: AbortSignal) => call<SignInMethods>('GET', '/api/auth/methods', undefined, signal),
  /** What a browser is asked that signs in by a passkey alone. */
  askPasskey: () => call<PasskeyQuestion>('POST', '/api/auth/login/options'),
  session: () => call<Session>('GET', '/api/auth/session'),
  logout: () => call<void>('POST', '/api/auth/logout'),
  changePassword: (current: string, next: string) =>
    call<Session>('POST', '/api/auth/password', { current, new: next }),
  addNode: (name: string, tags: string[]) => call<AddedNode>('POST', '/api/nodes', { name, tags }),
  node: (id: number, signal?: AbortSignal) => call<Node>('GET', `/api/nodes/${id}`, undefined, signal),
  updateNode: (id: number, change: { name?: string; tags?: string[] }) =>
    call<Node>('PATCH', `/api/nodes/${id}`, change),
  deleteNode: (id: number) => call<void>('DELETE', `/api/nodes/${id}`),
  /** Shown once; the token before is good until the Spider was seen with this one. */
  newToken: (id: number) => call<AddedNode>('POST', `/api/nodes/${id}/token`, {}),
  spiders: (signal?: AbortSignal) =>
    call<{ version: string; spiders: SpiderFile[] }>('GET', '/api/spiders', undefined, signal),
  history: (id: number, query: HistoryQuery, signal?: AbortSignal) => {
    const params = new URLSearchParams();
    for (const selector of query.series) params.append('series', selector);
    params.set('from', String(Math.round(query.from)));
    params.set('to', String(Math.round(query.to)));
    params.set('points', String(query.points));
    if (query.parts) params.set('parts', query.parts.join(','));
    if (query.digits !== undefined) params.set('digits', String(query.digits));
    return call<History>('GET', `/api/nodes/${id}/history?${params}`, undefined, signal);
  },
  jobs: (query: JobsQuery, signal?: AbortSignal) => {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) params.set(name, String(value));
    }
    return call<JobPage>('GET', `/api/jobs?${params}`, undefined, signal);
  },
  job: (id: number, signal?: AbortSignal) => call<Job>('GET', `/api/jobs/${id}`, undefined, signal),
  jobOutput: (id: number, from: number, signal?: AbortSignal) =>
    call<JobOutput>('GET', `/api/jobs/${id}/output?from=${from}`, undefined, signal),
  cancelJob: (id: number) => call<Job>('POST', `/api/jobs/${id}/cancel`),
  retryJob: (id: number, secrets: Secrets = {}) => call<Started>('POST', `/api/jobs/${id}/retry`, secrets),
  checkNode: (login: SshLogin, signal?: AbortSignal) =>
    call<CheckReport>('POST', '/api/nodes/check', login, signal, LOGIN_TIMEOUT_MS),
  deployNew: (request: DeployRequest) => call<Started & { node: Node }>('POST', '/api/nodes/deploy', request),
  deployTo: (id: number, request: Partial<DeployRequest>) =>
    call<Started>('POST', `/api/nodes/${id}/deploy`, request),
  upgrade: (id: number, secrets: Secrets) => call<Started>('POST', `/api/nodes/${id}/upgrade`, secrets),
  removeNode: (id: number, options: Secrets & { force?: boolean }) =>
    call<Started>('POST', `/api/nodes/${id}/remove`, options),
  rotateToken: (id: number, secrets: Secrets) =>
    call<Started>('POST', `/api/nodes/${id}/rotate-token`, secrets),
  connection: (id: number, signal?: AbortSignal) =>
    call<Connection>('GET', `/api/nodes/${id}/connection`, undefined, signal),
  changeConnection: (id: number, login: SshLogin) =>
    call<{ report: CheckReport; connection: Connection }>(
      'PUT',
      `/api/nodes/${id}/connection`,
      login,
      undefined,
      LOGIN_TIMEOUT_MS,
    ),
  /** With what is kept for the node. */
  checkStored: (id: number, signal?: AbortSignal) =>
    call<CheckReport>('POST', `/api/nodes/${id}/check`, {}, signal, LOGIN_TIMEOUT_MS),
  acceptHostKey: (id: number, key: { sha256: string; jump_sha256?: string }) =>
    call<Connection>('PUT', `/api/nodes/${id}/host-key`, key),
  forgetCredentials: (id: number) => call<void>('DELETE', `/api/nodes/${id}/credentials`),
  upgradeMany: (nodes: readonly number[]) => call<Started>('POST', '/api/upgrades', { nodes }),
  parseImport: (text: string) => call<{ hosts: ImportHost[] }>('POST', '/api/imports/parse', { text }),
  packages: (id: number, signal?: AbortSignal) =>
    call<NodePackages>('GET', `/api/nodes/${id}/packages`, undefined, signal),
  installed: (id: number, query: string, cursor: string | null, secrets: Secrets, signal?: AbortSignal) => {
    const params = new URLSearchParams();
    if (query) params.set('q', query);
    if (cursor) params.set('cursor', cursor);
    return question<InstalledPage>(`/api/nodes/${id}/packages/installed?${params}`, secrets, signal);
  },
  searchPackages: (id: number, query: string, secrets: Secrets) =>
    question<SearchAnswer>(`/api/nodes/${id}/packages/search?q=${encodeURIComponent(query)}`, secrets),
  packageDetails: (id: number, name: string, secrets: Secrets, signal?: AbortSignal) =>
    question<PackageDetails>(
      `/api/nodes/${id}/packages/details?name=${encodeURIComponent(name)}`,
      secrets,
      signal,
    ),
  previewPackages: (
    id: number,
    request: Secrets & {
      action: PreviewAction;
      packages?: readonly string[];
      security?: boolean;
      full?: boolean;
    },
    signal?: AbortSignal,
  ) => call<Preview>('POST', `/api/nodes/${id}/packages/preview`, request, signal, LOGIN_TIMEOUT_MS),
  packageJob: (id: number, action: PackageAction, request: Secrets & Record<string, unknown>) =>
    call<Started>('POST', `/api/nodes/${id}/packages/${action}`, request),
  reboot: (id: number, secrets: Secrets) => call<Started>('POST', `/api/nodes/${id}/reboot`, secrets),
  /** Looks for updates on all nodes that can be looked at, or on these. */
  lookAtPackages: (nodes?: readonly number[]) =>
    call<Started & { left_out: { node: number; name: string; why: string }[] }>(
      'POST',
      '/api/packages/refresh',
      nodes ? { nodes } : {},
    ),
  fleetPackages: (signal?: AbortSignal) => call<FleetPackages>('GET', '/api/packages', undefined, signal),
  previewWaves: (request: FleetUpgrade, signal?: AbortSignal) =>
    call<FleetPreviewPage>('POST', '/api/packages/preview', request, signal, LOGIN_TIMEOUT_MS),
  setFullUpgrade: (id: number, full: boolean) =>
    call<NodePackages>('PATCH', `/api/nodes/${id}/packages`, { full_upgrade: full }),
  upgradePackages: (request: FleetUpgrade) => call<Started>('POST', '/api/packages/upgrade', request),
  events: (query: EventQuery, signal?: AbortSignal) => {
    const params = new URLSearchParams();
    for (const kind of query.kind ?? []) params.append('kind', kind);
    if (query.node !== undefined) params.set('node', String(query.node));
    if (query.cursor !== undefined) params.set('cursor', query.cursor);
    if (query.limit !== undefined) params.set('limit', String(query.limit));
    return call<EventPage>('GET', `/api/events?${params}`, undefined, signal);
  },
  historyStatus: (signal?: AbortSignal) =>
    call<HistoryStatus>('GET', '/api/history/status', undefined, signal),
  historyHealth: (signal?: AbortSignal) =>
    call<HistoryHealth>('GET', '/api/history/health', undefined, signal),
  /** Says what time it is: the server's clock is right where it says the same. */
  confirmClock: (now: number) => call<HistoryClock>('POST', '/api/history/clock', { now }),
  health: () => call<{ status: string; version: string }>('GET', '/healthz'),
};

/** Any thrown thing as an ApiError, so that every place can show a message and a hint. */
export function asApiError(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause;
  return new ApiError(
    0,
    'capsule',
    'Something went wrong in the Capsule itself.',
    cause instanceof Error ? cause.message : 'Reload the page.',
  );
}
