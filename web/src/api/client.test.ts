import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { call, setProver } from './client';

/** What Ground Control answers, one after the other; what it was asked. */
let answers: { status: number; kind?: string }[] = [];
let asked: string[] = [];
const proof = vi.fn<() => Promise<boolean>>();

beforeEach(() => {
  asked = [];
  proof.mockReset();
  setProver(proof);
  vi.stubGlobal('fetch', async (path: string, { method }: { method: string }) => {
    asked.push(`${method} ${path}`);
    const { status, kind } = answers.shift()!;
    const body = kind ? { error: { kind, message: kind, hint: '' } } : { csrf: 'a' };
    return new Response(JSON.stringify(body), { status });
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  expect(answers).toEqual([]);
});

const WANTED = { status: 403, kind: 'proof_needed' };

test('what takes a proof is asked for once more after it', async () => {
  proof.mockResolvedValue(true);
  answers = [WANTED, { status: 200 }];
  await call('POST', '/api/users', {});
  expect(asked).toEqual(['POST /api/users', 'POST /api/users']);
  expect(proof).toHaveBeenCalledOnce();
});

test('without a proof the first refusal stands, and nothing is asked again', async () => {
  proof.mockResolvedValue(false);
  answers = [WANTED];
  await expect(call('POST', '/api/users', {})).rejects.toMatchObject({ kind: 'proof_needed' });
});

test('it is asked for once: a second refusal is told', async () => {
  proof.mockResolvedValue(true);
  answers = [WANTED, WANTED];
  await expect(call('POST', '/api/users', {})).rejects.toMatchObject({ kind: 'proof_needed' });
  expect(proof).toHaveBeenCalledOnce();
});

test('a proof that is none asks for none: the dialog that gives it would wait for itself', async () => {
  answers = [WANTED];
  await expect(call('POST', '/api/auth/proof', {})).rejects.toMatchObject({ kind: 'proof_needed' });
  expect(proof).not.toHaveBeenCalled();
});

test('a session that another tab has begun anew is no hindrance', async () => {
  proof.mockResolvedValue(true);
  answers = [{ status: 403, kind: 'csrf' }, { status: 200 }, WANTED, { status: 200 }];
  await call('POST', '/api/users', {});
  expect(asked).toEqual(['POST /api/users', 'GET /api/auth/session', 'POST /api/users', 'POST /api/users']);
});
