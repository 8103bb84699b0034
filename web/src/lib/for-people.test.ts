import { expect, it } from 'vitest';
import { forPeople } from './for-people';

it('leaves out what the API says to scripts', () => {
  for (const [hint, words] of [
    ['Wait until it has ended, or cancel it.', 'Wait until it has ended, or cancel it.'],
    ['POST /api/nodes/:id/packages/refresh finds out.', ''],
    ['Old ones are forgotten; GET /api/jobs lists those that are kept.', 'Old ones are forgotten.'],
    [
      'Start it again when that has ended; "wait_s" says how long a job waits.',
      'Start it again when that has ended.',
    ],
    ['Check its spelling. Send {"a": 1}.', 'Check its spelling.'],
    [
      'Compare it with `ssh-keygen -lf /etc/ssh/x.pub` on its console.',
      'Compare it with `ssh-keygen -lf /etc/ssh/x.pub` on its console.',
    ],
  ] as const) {
    expect(forPeople(hint)).toBe(words);
  }
  expect(forPeople(undefined)).toBe('');
  expect(forPeople('Send auth for this once, or PUT /api/nodes/:id/connection to keep it.')).toBe('');
  expect(forPeople('Send auth for this once.', 'credentials_needed')).toContain('Connection');
});
