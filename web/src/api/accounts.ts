/** Users, groups, tokens, sessions and the audit. Names, agents and details come from outside: show them as text only. */
import { call } from './client';
import type {
  AddGroup,
  AddToken,
  AddUser,
  Audit,
  ChangeGroup,
  ChangeUser,
  Group,
  Groups,
  NewToken,
  Sessions,
  Tokens,
  User,
  Users,
} from './schema';

export interface AuditQuery {
  username?: string;
  /** The whole name of an action, or its beginning. */
  action?: string;
  node?: number;
  outcome?: string;
  from?: number;
  to?: number;
  cursor?: string;
  limit?: number;
}

function searchOf(query: AuditQuery): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `?${text}` : '';
}

export const accounts = {
  async users(signal?: AbortSignal): Promise<User[]> {
    const all: User[] = [];
    let cursor: string | null = '0';
    while (cursor !== null) {
      const page: Users = await call<Users>('GET', `/api/users?cursor=${cursor}`, undefined, signal);
      all.push(...page.users);
      cursor = page.next;
    }
    return all;
  },
  user: (id: number) => call<User>('GET', `/api/users/${id}`),
  addUser: (user: AddUser) => call<User>('POST', '/api/users', user),
  changeUser: (id: number, change: ChangeUser, version?: number) =>
    call<User>('PATCH', `/api/users/${id}`, change, undefined, undefined, version),
  removeUser: (id: number, version: number) =>
    call<void>('DELETE', `/api/users/${id}`, undefined, undefined, undefined, version),
  groups: (signal?: AbortSignal) =>
    call<Groups>('GET', '/api/groups', undefined, signal).then(({ groups }) => groups),
  group: (id: number) => call<Group>('GET', `/api/groups/${id}`),
  addGroup: (group: AddGroup) => call<Group>('POST', '/api/groups', group),
  changeGroup: (id: number, change: ChangeGroup, version: number) =>
    call<Group>('PATCH', `/api/groups/${id}`, change, undefined, undefined, version),
  removeGroup: (id: number, version: number) =>
    call<void>('DELETE', `/api/groups/${id}`, undefined, undefined, undefined, version),
  tokens: (signal?: AbortSignal) =>
    call<Tokens>('GET', '/api/tokens', undefined, signal).then(({ tokens }) => tokens),
  addToken: (token: AddToken) => call<NewToken>('POST', '/api/tokens', token),
  removeToken: (id: number) => call<void>('DELETE', `/api/tokens/${id}`),
  sessions: (signal?: AbortSignal) =>
    call<Sessions>('GET', '/api/sessions', undefined, signal).then(({ sessions }) => sessions),
  endSession: (id: string) => call<void>('DELETE', `/api/sessions/${encodeURIComponent(id)}`),
  audit: (query: AuditQuery, signal?: AbortSignal) =>
    call<Audit>('GET', `/api/audit${searchOf(query)}`, undefined, signal),
  /** Where the browser itself fetches the lines from. */
  auditFile: (query: AuditQuery) => `/api/audit.jsonl${searchOf(query)}`,
};
