/** Second factors of one's own, and proving once more to be there. */
import { call } from './client';
import type {
  AddPasskey,
  Factors,
  NewPasskeyQuestion,
  NewTotp,
  Passkey,
  PasskeyQuestion,
  Proof,
  RecoveryCodes,
  Settings,
} from './schema';

export const factors = {
  list: (signal?: AbortSignal) => call<Factors>('GET', '/api/auth/factors', undefined, signal),
  beginTotp: () => call<NewTotp>('POST', '/api/auth/totp'),
  confirmTotp: (code: string) => call<RecoveryCodes>('POST', '/api/auth/totp/confirm', { code }),
  removeTotp: () => call<void>('DELETE', '/api/auth/totp'),
  newRecovery: () => call<RecoveryCodes>('POST', '/api/auth/recovery-codes'),
  askNewPasskey: () => call<NewPasskeyQuestion>('POST', '/api/auth/passkeys/options'),
  addPasskey: (passkey: AddPasskey) => call<Passkey>('POST', '/api/auth/passkeys', passkey),
  removePasskey: (id: number) => call<void>('DELETE', `/api/auth/passkeys/${id}`),
  askProof: () => call<PasskeyQuestion>('POST', '/api/auth/proof/options'),
  prove: (proof: Proof) => call<void>('POST', '/api/auth/proof', proof),
  removeOf: (user: number) => call<void>('DELETE', `/api/users/${user}/factors`),
  settings: (signal?: AbortSignal) => call<Settings>('GET', '/api/settings', undefined, signal),
  wanted: (role: Settings['second_factor_for']) =>
    call<Settings>('PATCH', '/api/settings', { second_factor_for: role }),
};
