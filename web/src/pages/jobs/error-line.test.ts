import { describe, expect, it } from 'vitest';
import type { Job } from '../../api/job';
import { OutputLog } from '../../live/output';
import { errorLine } from './error-line';

function linesOf(text: string) {
  const log = new OutputLog();
  log.append(0, text);
  return log.lines;
}

type Part = Pick<Job, 'state' | 'steps' | 'error' | 'result'>;
const failed = (part: Partial<Part>): Part => ({ state: 'failed', steps: [], ...part });
const error = (message: string) => ({ cause: 'failed', message, hint: '' });
const step = (from: number, to: number, state: 'done' | 'failed') => ({
  name: 's',
  title: 's',
  state,
  from,
  to,
});

describe('the line that says why', () => {
  const apt =
    'Reading lists\nE: tin-can: post-installation script failed\nErrors were met\nE: Sub-process returned 1\n';
  it('is found by the reasons that the manager gave', () => {
    const job = failed({
      error: error('apt failed: tin-can: post-installation script failed'),
      result: { errors: ['Sub-process returned 1'] },
    });
    expect(errorLine(linesOf(apt), job)).toBe(1);
    const other = { ...job, error: error('apt failed: it ended with 100') };
    expect(errorLine(linesOf(apt), other)).toBe(3);
  });
  it('is found past colours and in any case', () => {
    const text = 'one\n\x1b[31mMKDIR: cannot create: Permission denied\x1b[0m\ntwo\n';
    expect(errorLine(linesOf(text), failed({ error: error('It failed: Permission denied.') }))).toBe(1);
  });
  it('is what the script itself said, where the manager only says that it failed', () => {
    const text =
      'touch: /a: Permission denied\nSetting up tin-can (2.0) ...\nfloating\ntouch: cannot touch /b: Permission denied\ndrifting\ndpkg: error processing package tin-can (--configure):\n installed tin-can package post-installation script subprocess returned error exit status 1\n';
    const job = failed({
      error: error(
        'apt failed: tin-can: installed tin-can package post-installation script subprocess returned error exit status 1',
      ),
    });
    expect(errorLine(linesOf(text), job)).toBe(3);
    expect(
      errorLine(linesOf(text.replace('touch: cannot touch /b: Permission denied', 'all is well')), job),
    ).toBe(6);
  });
  it('is the last that sounds like one, when none is known', () => {
    expect(errorLine(linesOf(apt), failed({ error: error('It ended with 100.') }))).toBe(3);
    expect(errorLine(linesOf('all\nis\nwell\n'), failed({ error: error('It ended with 100.') }))).toBe(null);
  });
  it('is of the step that failed', () => {
    const text = 'error: an old one\nlast words\nrolled back\n';
    const steps = [step(0, 18, 'done'), step(18, 29, 'failed'), step(29, 41, 'done')];
    expect(errorLine(linesOf(text), failed({ steps }))).toBe(1);
  });
  it('is none in what did not fail', () => {
    expect(errorLine(linesOf(apt), failed({ state: 'succeeded' }))).toBe(null);
    expect(errorLine(linesOf(apt), failed({ state: 'cancelled', error: error('cancelled') }))).toBe(null);
  });
});
