import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { AuditLine } from '../../api/schema';
import {
  ACTIONS,
  actionWords,
  actorWords,
  auditQuery,
  auditViewSearch,
  detailRows,
  parseAuditView,
  SUBJECTS,
  subjectWords,
} from './audit-words';

const TABLE = new URL('../../../../server/src/access/table.rs', import.meta.url);

test('every action of the table of routes has words and a subject in the filter', () => {
  const named = [...readFileSync(TABLE, 'utf8').matchAll(/, "([a-z_]+\.[a-z_]+)"\),$/gm)];
  expect(named.length).toBeGreaterThan(40);
  for (const [, action] of named) {
    expect(Object.keys(ACTIONS), action).toContain(action);
    expect(
      SUBJECTS.some(([beginning]) => action!.startsWith(beginning)),
      action,
    ).toBe(true);
  }
});

test('an action of a later server is shown as it is called', () => {
  expect(actionWords('alert.silence')).toBe('alert.silence');
  expect(actionWords('constructor')).toBe('constructor');
});

const LINE: AuditLine = {
  id: 7,
  time_ms: 0,
  actor: 'user',
  username: 'major',
  user: 1,
  via: 'session 0a',
  address: '127.0.0.1',
  action: 'user.change',
  node: null,
  node_name: null,
  outcome: 'done',
  detail: {
    username: 'zoe',
    grant: { role: 'operator', tags: ['web'], rights: [] },
    disabled: false,
    groups: [1, 2],
    intent: { kind: 'reboot' },
  },
  hash: '00',
};

test('a line says who, what and to whom', () => {
  expect(actorWords(LINE)).toBe('major');
  expect(actorWords({ actor: 'system', username: '' })).toBe('Ground Control');
  expect(subjectWords(LINE)).toBe('zoe');
  expect(subjectWords({ action: 'job.cancel', username: 'x', detail: { job: 3 } })).toBe('job 3');
  expect(subjectWords({ action: 'x', username: 'x', detail: null })).toBe('');
});

test('its details are read by people', () => {
  expect(detailRows(LINE)).toEqual([
    { label: 'User', value: 'zoe', code: false },
    { label: 'May now', value: 'Operator on nodes tagged web', code: false },
    { label: 'Disabled', value: 'no', code: false },
    { label: 'Groups', value: '1, 2', code: false },
    { label: 'Intent', value: '{\n  "kind": "reboot"\n}', code: true },
  ]);
});

test('the address keeps the filter, and the API is asked the same', () => {
  const search = '?username=major&action=user.&outcome=done&span=7d&node=4';
  const view = parseAuditView(search);
  expect(auditViewSearch(view)).toBe(search);
  const week = 7 * 86_400_000;
  expect(auditQuery(view, week + 5)).toEqual({
    username: 'major',
    action: 'user.',
    outcome: 'done',
    node: 4,
    from: 5,
  });
  const own = parseAuditView('?span=own&from=10&to=20');
  expect(auditQuery(own, 99)).toEqual({ from: 10, to: 20 });
  expect(auditQuery(parseAuditView('?span=never&from=10&node=x'), 99)).toEqual({});
});
