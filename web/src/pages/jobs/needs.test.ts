import { expect, test } from 'vitest';
import { needOf, nodesOf } from './needs';

test('what it takes to try a job again', () => {
  expect(needOf({ kind: 'deploy' })).toBe('deploy');
  expect(needOf({ kind: 'upgrade_fleet' })).toBe('deploy');
  expect(needOf({ kind: 'remove' })).toBe('administer');
  expect(needOf({ kind: 'packages_upgrade' })).toBe('operate');
  expect(needOf({ kind: 'reboot' })).toBe('operate');
});

test('the nodes of a job, and of one over many', () => {
  expect(nodesOf({ node: 3, result: null })).toEqual([3]);
  expect(nodesOf({ node: null, result: { waves: [{ nodes: [1, 2] }, { nodes: [5] }, null] } })).toEqual([
    1, 2, 5,
  ]);
  expect(nodesOf({ node: null, result: { waves: 'x' } })).toEqual([]);
});
