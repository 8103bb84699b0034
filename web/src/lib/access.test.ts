import { expect, test } from 'vitest';
import type { Grant, Right, Role } from '../api/schema';
import {
  grantWords,
  mayEverywhere,
  mayOn,
  maySomewhere,
  type Need,
  type Principal,
  placeWords,
  tagsToGive,
} from './access';

const NEEDS: readonly Need[] = ['view', 'operate', 'deploy', 'administer', 'terminal', 'command'];

const grant = (role: Role, tags: string[] = [], rights: Right[] = []): Grant => ({ role, tags, rights });
const user = (...grants: Grant[]): Principal => ({ grants, read_only: false });

test.each<[Role, Right[], Need[]]>([
  ['viewer', [], ['view']],
  ['operator', [], ['view', 'operate']],
  ['operator', ['deploy'], ['view', 'operate', 'deploy']],
  ['admin', [], ['view', 'operate', 'deploy', 'administer']],
  ['viewer', ['terminal', 'command'], ['view', 'terminal', 'command']],
])('%s with %j may %j', (role, rights, may) => {
  const who = user(grant(role, [], rights));
  for (const need of NEEDS) {
    const expected = may.includes(need);
    expect(mayOn(who, need, []), need).toBe(expected);
    expect(maySomewhere(who, need), need).toBe(expected);
    expect(mayEverywhere(who, need), need).toBe(expected);
  }
});

test('tags bound what is seen and done', () => {
  const who = user(grant('viewer', ['web']), grant('admin', ['lab']));
  expect(mayOn(who, 'view', ['web', 'x'])).toBe(true);
  expect(mayOn(who, 'view', ['lab'])).toBe(true);
  expect(mayOn(who, 'view', ['db'])).toBe(false);
  expect(mayOn(who, 'view', [])).toBe(false);
  expect(mayOn(who, 'administer', ['lab'])).toBe(true);
  expect(mayOn(who, 'operate', ['web'])).toBe(false);
  expect(maySomewhere(who, 'administer')).toBe(true);
  expect(mayEverywhere(who, 'view')).toBe(false);
  // Nobody has nothing, which is not the same as no bounds.
  expect(mayOn(user(), 'view', [])).toBe(false);
});

test('the bounds of a token narrow, and one that reads does nothing else', () => {
  const owner = user(grant('operator', ['web']));
  const token: Principal = { ...owner, limit: grant('admin', [], ['terminal']) };
  expect(mayOn(token, 'operate', ['web'])).toBe(true);
  expect(mayOn(token, 'administer', ['web'])).toBe(false);
  expect(mayOn(token, 'terminal', ['web'])).toBe(false);
  const narrow: Principal = { ...owner, limit: grant('operator', ['a']), read_only: true };
  expect(mayOn(narrow, 'view', ['web', 'a'])).toBe(true);
  expect(mayOn(narrow, 'view', ['web'])).toBe(false);
  expect(mayOn(narrow, 'operate', ['web', 'a'])).toBe(false);
});

test('a new node needs a tag that whoever adds it may work on', () => {
  expect(tagsToGive(user(grant('admin')), 'deploy')).toEqual([]);
  expect(tagsToGive(user(grant('viewer', ['db']), grant('admin', ['web', 'lab'])), 'deploy')).toEqual([
    'lab',
    'web',
  ]);
});

test('grants are said in plain words', () => {
  expect(grantWords(grant('viewer'))).toBe('Viewer on all nodes');
  expect(grantWords(grant('operator', ['web', 'db'], ['terminal']))).toBe(
    'Operator on nodes tagged web or db, with terminal',
  );
  expect(grantWords(grant('admin', ['a', 'b', 'c'], ['deploy', 'terminal', 'command']))).toBe(
    'Admin on nodes tagged a, b or c, with terminal and command',
  );
  expect(placeWords([])).toBe('all nodes');
});
