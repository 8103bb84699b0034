/** What somebody may see and do, and on which nodes: the same as Ground Control decides it. Pure. */
import type { Grant, Right, Role } from '../api/schema';

export type Need = 'view' | 'operate' | 'deploy' | 'administer' | 'terminal' | 'command';

/** Whoever is signed in, as `GET /api/auth/session` says it. */
export interface Principal {
  grants: readonly Grant[];
  /** Further bounds of a token. */
  limit?: Grant;
  read_only: boolean;
}

export const ROLES: readonly Role[] = ['viewer', 'operator', 'admin'];
export const RIGHTS: readonly Right[] = ['terminal', 'command', 'deploy'];

function isAtLeast(role: Role, other: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(other);
}

function allows({ role, rights }: Grant, need: Need): boolean {
  switch (need) {
    case 'view':
      return true;
    case 'operate':
      return isAtLeast(role, 'operator');
    case 'administer':
      return role === 'admin';
    case 'deploy':
      return role === 'admin' || rights.includes('deploy');
    default:
      return rights.includes(need);
  }
}

/** No tags stand for all nodes. */
function covers(grant: Grant, tags: readonly string[]): boolean {
  return grant.tags.length === 0 || tags.some((tag) => grant.tags.includes(tag));
}

/** The grants have to, and so do the bounds of a token; who may only read does nothing else. */
function may(who: Principal, need: Need, where: (grant: Grant) => boolean): boolean {
  const good = (grant: Grant) => allows(grant, need) && where(grant);
  return (need === 'view' || !who.read_only) && (!who.limit || good(who.limit)) && who.grants.some(good);
}

/** On a node with these tags. */
export function mayOn(who: Principal, need: Need, tags: readonly string[]): boolean {
  return may(who, need, (grant) => covers(grant, tags));
}

/** On some node, which need not be there yet. */
export function maySomewhere(who: Principal, need: Need): boolean {
  return may(who, need, () => true);
}

/** On all nodes, and so what is of none: users, settings. */
export function mayEverywhere(who: Principal, need: Need): boolean {
  return may(who, need, (grant) => grant.tags.length === 0);
}

/** What it takes, for whoever does not have it. */
const WORDS: Record<Need, string> = {
  view: 'the role viewer',
  operate: 'the role operator',
  deploy: 'the role admin, or the right deploy',
  administer: 'the role admin',
  terminal: 'the right terminal',
  command: 'the right command',
};

export function reasonOf(need: Need, where: 'here' | 'anywhere' | 'on all nodes' = 'here'): string {
  return `This takes ${WORDS[need]}, which you do not have ${where}.`;
}

/** The tags that a new node needs one of to be worked on by whoever adds it; none where any will do. */
export function tagsToGive(who: Principal, need: Need): string[] {
  if (mayOn(who, need, [])) return [];
  const found = who.grants.filter((grant) => allows(grant, need)).flatMap((grant) => grant.tags);
  return [...new Set(found)].filter((tag) => mayOn(who, need, [tag])).sort();
}

/** Why these tags won't do for a new node of theirs; null where they do. */
export function tagObjection(give: readonly string[], tags: readonly string[]): string | null {
  if (give.length === 0 || tags.some((tag) => give.includes(tag))) return null;
  return `You could not work on it without a tag of yours: give it ${either(give, 'or')}.`;
}

/** `web`, `web or db`, `web, db or lab`. */
export function either(words: readonly string[], or: string): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} ${or} ${last}`;
}

export function placeWords(tags: readonly string[]): string {
  if (tags.length === 0) return 'all nodes';
  return `nodes tagged ${either(tags, 'or')}`;
}

export const ROLE_WORDS: Record<Role, { name: string; may: string }> = {
  none: { name: 'By groups alone', may: 'Nothing but what groups bring: signs in elsewhere.' },
  viewer: { name: 'Viewer', may: 'Sees nodes, their history, their jobs and events.' },
  operator: { name: 'Operator', may: 'Sees them, and runs jobs on them: upgrades of packages, reboots.' },
  admin: {
    name: 'Admin',
    may: 'Does everything there: adds and removes nodes, deploys Spiders, keeps credentials.',
  },
};

export const RIGHT_WORDS: Record<Right, { name: string; may: string }> = {
  terminal: { name: 'Terminal', may: 'A shell on the node.' },
  command: { name: 'Command', may: 'Commands of their own on the node.' },
  deploy: { name: 'Deploy', may: 'Puts Spiders on nodes and upgrades them. Admins may anyway.' },
};

/** `Operator on nodes tagged web or db, with terminal`. */
export function grantWords(grant: Grant): string {
  const rights = grant.rights.filter((right) => right !== 'deploy' || grant.role !== 'admin');
  const extra = rights.length === 0 ? '' : `, with ${either([...rights], 'and')}`;
  return `${ROLE_WORDS[grant.role].name} on ${placeWords(grant.tags)}${extra}`;
}

/** Equal for those who see and may the same. */
export function sameAs(who: Principal): string {
  return JSON.stringify([who.grants, who.limit ?? null, who.read_only]);
}
