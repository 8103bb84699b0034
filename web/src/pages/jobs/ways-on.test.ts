import { expect, it } from 'vitest';
import type { Job } from '../../api/job';
import { linksOf, saysTheSame } from './ways-on';

const job = (kind: string, cause: string | null, part: Partial<Job> = {}) => ({
  kind,
  node: 1,
  state: 'failed' as const,
  error: cause === null ? null : { cause, message: 'm', hint: '' },
  result: null,
  ...part,
});

it('leads on from what has failed', () => {
  expect(linksOf(job('deploy', 'host_key_changed'), true).connection).toMatch(/accept the new key/);
  expect(linksOf(job('deploy', 'timeout'), true).connection).toBe('Connection…');
  expect(linksOf(job('deploy', 'no_space'), true)).toEqual({ packages: null, connection: null });
  expect(linksOf(job('packages_upgrade', 'failed', { result: {} }), true).packages).toMatch(/repair/);
  const done = job('packages_refresh', null, { state: 'succeeded' });
  expect(linksOf(done, true).packages).toBe('Packages of this node');
  expect(linksOf(done, false).packages).toBe(null);
  expect(linksOf(job('packages_upgrade', null, { state: 'running' }), true).packages).toBe(null);
});

it('knows when a reason was given already', () => {
  expect(saysTheSame('Permission denied.', 'apt failed: Permission denied')).toBe(true);
  expect(saysTheSame('No space left.', 'apt failed: Permission denied')).toBe(false);
  expect(saysTheSame('', 'x')).toBe(false);
  expect(saysTheSame('x', undefined)).toBe(false);
});
