import { expect, test } from 'vitest';
import { ApiError } from '../../api/client';
import { wantedOf } from './wanted';

const WHO = { username: 'zoe', password: 'secret' };
const refused = (kind: string, body: Record<string, unknown>) =>
  new ApiError(401, kind, 'The password is right.', '', null, body);

test('what is wanted beside the password is in the answer', () => {
  const passkey = { challenge: 'AAAA', rp_id: 'localhost', timeout_ms: 300_000, credentials: ['BBBB'] };
  expect(
    wantedOf(refused('factor_needed', { factors: ['passkey', 'totp', 'recovery'], passkey }), WHO),
  ).toEqual({
    ...WHO,
    factors: ['passkey', 'totp', 'recovery'],
    passkey,
  });
  expect(wantedOf(refused('factor_needed', { factors: ['totp', 'sms'] }), WHO)).toEqual({
    ...WHO,
    factors: ['totp'],
    passkey: null,
  });
});

test('an answer that says nothing of it still has a way on', () => {
  expect(wantedOf(refused('factor_needed', {}), WHO)?.factors).toEqual(['totp', 'recovery']);
  expect(wantedOf(refused('bad_credentials', { factors: ['totp'] }), WHO)).toBeNull();
});
