import type { AuditLine } from '../../api/schema';
import { grantWords } from '../../lib/access';
import { nodeOf } from '../../lib/url-state';

/** What was done, in plain words. By what it is about, as the filter offers it. */
export const ACTIONS: Readonly<Record<string, string>> = {
  'auth.login': 'Signed in',
  'auth.logout': 'Signed out',
  'auth.password': 'Changed their own password',
  'session.end': 'Ended a session',
  'user.add': 'Added a user',
  'user.change': 'Changed a user',
  'user.remove': 'Removed a user',
  'group.add': 'Added a group',
  'group.change': 'Changed a group',
  'group.remove': 'Removed a group',
  'token.add': 'Made a token',
  'token.remove': 'Removed a token',
  'audit.export': 'Downloaded the audit',
  'node.add': 'Added a node',
  'node.change': 'Changed a node',
  'node.remove': 'Deleted a node',
  'node.check': 'Looked at a host',
  'node.deploy': 'Deployed a Spider',
  'node.token': 'Made a token for a Spider',
  'node.reboot': 'Rebooted a node',
  'spider.upgrade': 'Upgraded a Spider',
  'spider.remove': 'Took a Spider off a node',
  'credentials.put': 'Changed the login for a node',
  'credentials.forget': 'Forgot the login for a node',
  'host_key.accept': 'Accepted a host key',
  'import.parse': 'Read a list of hosts',
  'job.add': 'Started a job',
  'job.cancel': 'Cancelled a job',
  'job.retry': 'Tried a job again',
  'history.clock': 'Said that the clock is right',
  'packages.settings': 'Changed how packages are upgraded',
  'packages.refresh': 'Looked for upgrades',
  'packages.preview': 'Looked at what an upgrade would do',
  'packages.upgrade': 'Upgraded packages',
  'packages.full_upgrade': 'Upgraded packages in full',
  'packages.install': 'Installed packages',
  'packages.remove': 'Removed packages',
  'packages.autoremove': 'Removed packages that nothing needs',
  'packages.hold': 'Held packages back',
  'packages.unhold': 'Let packages go',
  'packages.clean': 'Cleaned the cache of packages',
  'packages.repair': 'Repaired packages',
  'packages.look': 'Looked through packages',
};

/** Beginnings of actions, for the filter. */
export const SUBJECTS = [
  ['auth.', 'Signing in and out'],
  ['session.', 'Sessions'],
  ['user.', 'Users'],
  ['group.', 'Groups'],
  ['token.', 'Tokens'],
  ['node.', 'Nodes'],
  ['spider.', 'Spiders'],
  ['credentials.', 'Logins for nodes'],
  ['host_key.', 'Host keys'],
  ['packages.', 'Packages'],
  ['job.', 'Jobs'],
  ['history.', 'History'],
  ['import.', 'Lists of hosts'],
  ['audit.', 'The audit'],
] as const;

export const OUTCOMES = [
  ['done', 'Done'],
  ['refused', 'Refused'],
  ['forbidden', 'Forbidden'],
  ['failed', 'Failed'],
  ['succeeded', 'Job succeeded'],
  ['cancelled', 'Job cancelled'],
  ['lost', 'Job lost'],
] as const;

export function actionWords(action: string): string {
  return Object.hasOwn(ACTIONS, action) ? ACTIONS[action]! : action;
}

export function outcomeTone(outcome: string): 'calm' | 'warn' | 'bad' {
  if (outcome === 'done' || outcome === 'succeeded') return 'calm';
  return outcome === 'failed' || outcome === 'lost' || outcome === 'forbidden' ? 'bad' : 'warn';
}

/** Whoever it was, where it was no user. */
export function actorWords({ actor, username }: Pick<AuditLine, 'actor' | 'username'>): string {
  if (username !== '') return username;
  return actor === 'system' ? 'Ground Control' : 'Somebody not signed in';
}

/** What it was done to, beside the node: the first of these that the line says. */
const SUBJECT_KEYS = ['title', 'username', 'group', 'token', 'name', 'session', 'job'] as const;

export function subjectWords({
  detail,
  username,
  action,
}: Pick<AuditLine, 'detail' | 'username' | 'action'>): string {
  if (!detail) return '';
  for (const key of SUBJECT_KEYS) {
    const value = detail[key];
    if (key === 'username' && value === username && action.startsWith('auth.')) continue;
    if (key === 'job' && (typeof value === 'number' || typeof value === 'string')) return `job ${value}`;
    if (typeof value === 'string' && value !== '') return value;
  }
  return '';
}

const KEY_WORDS: Readonly<Record<string, string>> = {
  why: 'Why not',
  grant: 'May now',
  username: 'User',
  new_username: 'New name',
  must_change_password: 'Has to choose a password',
  read_only: 'Reads only',
};

function isGrant(value: unknown): value is Parameters<typeof grantWords>[0] {
  if (typeof value !== 'object' || value === null) return false;
  const { role, tags, rights } = value as Record<string, unknown>;
  return (
    ['viewer', 'operator', 'admin'].includes(String(role)) && Array.isArray(tags) && Array.isArray(rights)
  );
}

function valueWords(value: unknown): string {
  if (isGrant(value)) return grantWords(value);
  if (value === true) return 'yes';
  if (value === false) return 'no';
  if (value === null) return '–';
  if (Array.isArray(value) && value.every((one) => typeof one === 'string' || typeof one === 'number')) {
    return value.length === 0 ? 'none' : value.join(', ');
  }
  return typeof value === 'object' ? JSON.stringify(value, null, 2) : String(value);
}

/** What the line says beside who, where and when: names and values, as they are shown. */
export function detailRows(line: AuditLine): { label: string; value: string; code: boolean }[] {
  return Object.entries(line.detail ?? {}).map(([key, value]) => {
    const words = KEY_WORDS[key] ?? `${key.charAt(0).toUpperCase()}${key.slice(1).replaceAll('_', ' ')}`;
    const code = typeof value === 'object' && value !== null && !isGrant(value) && !Array.isArray(value);
    return { label: words, value: valueWords(value), code };
  });
}

export const SPANS = [
  ['', 'Any time'],
  ['1h', 'The last hour'],
  ['24h', 'The last day'],
  ['7d', 'The last 7 days'],
  ['30d', 'The last 30 days'],
  ['own', 'From … to …'],
] as const;
export type Span = (typeof SPANS)[number][0];
const HOUR_MS = 3_600_000;
const SPAN_MS: Partial<Record<Span, number>> = {
  '1h': HOUR_MS,
  '24h': 24 * HOUR_MS,
  '7d': 7 * 24 * HOUR_MS,
  '30d': 30 * 24 * HOUR_MS,
};

/** What the address of the page says. */
export interface AuditView {
  username: string;
  action: string;
  outcome: string;
  node: number | null;
  span: Span;
  /** Of a span of one's own. */
  from: number | null;
  to: number | null;
}

const WORD_CHARS_MAX = 64;

function time(params: URLSearchParams, name: string): number | null {
  const value = Number(params.get(name) ?? Number.NaN);
  return Number.isSafeInteger(value) && value > 0 ? value : null;
}

export function parseAuditView(search: string): AuditView {
  const params = new URLSearchParams(search);
  const text = (name: string) => (params.get(name) ?? '').slice(0, WORD_CHARS_MAX);
  return {
    username: text('username'),
    action: text('action'),
    outcome: text('outcome'),
    node: nodeOf(params),
    span: SPANS.find(([id]) => id === params.get('span'))?.[0] ?? '',
    from: time(params, 'from'),
    to: time(params, 'to'),
  };
}

export function auditViewSearch(view: AuditView): string {
  const params = new URLSearchParams();
  for (const name of ['username', 'action', 'outcome', 'span'] as const) {
    if (view[name]) params.set(name, view[name]);
  }
  if (view.node !== null) params.set('node', String(view.node));
  if (view.span === 'own') {
    if (view.from !== null) params.set('from', String(view.from));
    if (view.to !== null) params.set('to', String(view.to));
  }
  const text = params.toString();
  return text ? `?${text}` : '';
}

/** The same as the API is asked, at `now`. */
export function auditQuery(view: AuditView, now: number) {
  const span = SPAN_MS[view.span];
  const from = view.span === 'own' ? view.from : span === undefined ? null : now - span;
  const to = view.span === 'own' ? view.to : null;
  return {
    ...(view.username ? { username: view.username } : {}),
    ...(view.action ? { action: view.action } : {}),
    ...(view.outcome ? { outcome: view.outcome } : {}),
    ...(view.node === null ? {} : { node: view.node }),
    ...(from === null ? {} : { from: Math.round(from) }),
    ...(to === null ? {} : { to: Math.round(to) }),
  };
}
