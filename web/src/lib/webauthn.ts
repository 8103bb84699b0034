/** Passkeys, as the browser has them and as Ground Control speaks of them: bytes there, base64url here. */
import { ApiError, asApiError } from '../api/client';
import type { NewPasskeyQuestion, PasskeyQuestion, PasskeyShown } from '../api/schema';

export function toBase64Url(bytes: ArrayBuffer | Uint8Array): string {
  let text = '';
  for (const byte of bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)) {
    text += String.fromCharCode(byte);
  }
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(plain, (char) => char.charCodeAt(0));
}

/** Why this page can have no passkeys; null: it can. Browsers have them for names alone, and over HTTPS. */
export function noPasskeys(
  place: { protocol: string; hostname: string } = location,
  supported = typeof PublicKeyCredential === 'function',
): string | null {
  const local = place.hostname === 'localhost' || place.hostname.endsWith('.localhost');
  if (/^[\d.]+$/.test(place.hostname) || place.hostname.startsWith('[')) {
    return 'Browsers have no passkeys for an address that is a number: open this page by a name, with HTTPS.';
  }
  if (place.protocol !== 'https:' && !local) return 'Browsers have no passkeys for a page without HTTPS.';
  return supported ? null : 'This browser has no passkeys.';
}

const descriptors = (ids: readonly string[]) =>
  ids.map((id) => ({ type: 'public-key' as const, id: fromBase64Url(id) }));

/** Shows a passkey. `alone`: in place of the password, so the browser makes sure who uses it. */
export async function showPasskey(question: PasskeyQuestion, alone = false): Promise<PasskeyShown> {
  const found = (await navigator.credentials.get({
    publicKey: {
      challenge: fromBase64Url(question.challenge),
      rpId: question.rp_id,
      timeout: question.timeout_ms,
      allowCredentials: descriptors(question.credentials),
      userVerification: alone ? 'required' : 'preferred',
    },
  })) as PublicKeyCredential | null;
  if (!found) throw new Error('No passkey was chosen.');
  const answer = found.response as AuthenticatorAssertionResponse;
  return {
    challenge: question.challenge,
    credential: toBase64Url(found.rawId),
    client_data: toBase64Url(answer.clientDataJSON),
    authenticator_data: toBase64Url(answer.authenticatorData),
    signature: toBase64Url(answer.signature),
  };
}

/** Makes a new one, which knows by itself whose it is. */
export async function makePasskey(question: NewPasskeyQuestion) {
  const made = (await navigator.credentials.create({
    publicKey: {
      challenge: fromBase64Url(question.challenge),
      rp: { id: question.rp_id, name: 'Stardust' },
      user: {
        id: fromBase64Url(question.user.id),
        name: question.user.name,
        displayName: question.user.name,
      },
      pubKeyCredParams: question.algorithms.map((alg) => ({ type: 'public-key' as const, alg })),
      timeout: question.timeout_ms,
      excludeCredentials: descriptors(question.credentials),
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
      attestation: 'none',
    },
  })) as PublicKeyCredential | null;
  if (!made) throw new Error('No passkey was made.');
  const answer = made.response as AuthenticatorAttestationResponse;
  return {
    challenge: question.challenge,
    client_data: toBase64Url(answer.clientDataJSON),
    attestation: toBase64Url(answer.attestationObject),
  };
}

const TROUBLES: Readonly<Record<string, readonly [string, string]>> = {
  NotAllowedError: [
    'No passkey was shown: it was cancelled, took too long, or there is none for this page.',
    'Try again, or take another way.',
  ],
  InvalidStateError: ['This device or key has a passkey for here already.', 'Take another one.'],
  SecurityError: ['The browser has no passkeys for this address.', 'An authenticator app works everywhere.'],
  NotSupportedError: [
    'This device or key makes no passkeys of a kind that is taken here.',
    'Take another one.',
  ],
};

/** Any thrown thing: what browsers throw tells little, so that no page learns which keys there are. */
export function passkeyProblem(cause: unknown): ApiError {
  if (!(cause instanceof DOMException)) return asApiError(cause);
  const [message, hint] = TROUBLES[cause.name] ?? [`The browser says: ${cause.message}`, 'Take another way.'];
  return new ApiError(0, 'passkey', message, hint);
}
