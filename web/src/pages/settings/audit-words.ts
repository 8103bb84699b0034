import type { AuditLine } from '../../api/schema';
import { grantWords } from '../../lib/access';
import { nodeOf } from '../../lib/url-state';

/** What was asked for, in plain words: whether it was done says the outcome. */
export const ACTIONS: Readonly<Record<string, string>> = {
  'auth.login': 'Sign in',
  'auth.logout': 'Sign out',
  'auth.password': 'Change the own password',
  'auth.proof': 'Prove who it is once more',
  'factor.begin': 'Begin to set up a second factor',
  'factor.add': 'Add a second factor',
  'factor.remove': 'Remove a second factor',
  'factor.recovery': 'Make new recovery codes',
  'session.end': 'End a session',
  'user.add': 'Add a user',
  'user.change': 'Change a user',
  'user.remove': 'Remove a user',
  'group.add': 'Add a group',
  'group.change': 'Change a group',
  'group.remove': 'Remove a group',
  'token.add': 'Make a token',
  'token.remove': 'Remove a token',
  'settings.change': 'Change the settings',
  'audit.export': 'Download the audit',
  'node.add': 'Add a node',
  'node.change': 'Change a node',
  'node.remove': 'Delete a node',
  'node.check': 'Look at a host',
  'node.deploy': 'Deploy a Spider',
  'node.token': 'Make a token for a Spider',
  'node.reboot': 'Reboot a node',
  'spider.upgrade': 'Upgrade a Spider',
  'spider.remove': 'Take a Spider off a node',
  'credentials.put': 'Change the login for a node',
  'credentials.forget': 'Forget the login for a node',
  'host_key.accept': 'Accept a host key',
  'import.parse': 'Read a list of hosts',
  'job.add': 'Start a job',
  'job.cancel': 'Cancel a job',
  'job.retry': 'Try a job again',
  'history.clock': 'Say that the clock is right',
  'packages.settings': 'Set how packages are upgraded',
  'packages.refresh': 'Look for upgrades',
  'packages.preview': 'Look at what a change of packages does',
  'packages.upgrade': 'Upgrade packages',
  'packages.full_upgrade': 'Upgrade packages in full',
  'packages.install': 'Install packages',
  'packages.remove': 'Remove packages',
  'packages.autoremove': 'Remove packages that nothing needs',
  'packages.hold': 'Hold packages back',
  'packages.unhold': 'Let packages go',
  'packages.clean': 'Clean the cache of packages',
  'packages.repair': 'Repair packages',
  'packages.look': 'Look through packages',
};

/** Beginnings of actions, for the filter. */
export const SUBJECTS = [
  ['auth.', 'Signing in and out'],
  ['factor.', 'Second factors'],
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
  ['settings.', 'Settings'],
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
