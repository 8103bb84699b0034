import { createHmac } from 'node:crypto';

const STEP_S = 30;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function fromBase32(text: string): Buffer {
  let held = 0;
  let bits = 0;
  const bytes: number[] = [];
  for (const char of text.replace(/\s/g, '')) {
    held = (held << 5) | ALPHABET.indexOf(char);
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((held >> bits) & 0xff);
    held &= (1 << bits) - 1;
  }
  return Buffer.from(bytes);
}

/** What an authenticator app shows (RFC 6238), so many steps from now. */
export function totp(secret: string, ahead = 0): string {
  const step = Buffer.alloc(8);
  step.writeBigInt64BE(BigInt(Math.floor(Date.now() / 1000 / STEP_S) + ahead));
  const tag = createHmac('sha1', fromBase32(secret)).update(step).digest();
  const at = tag[tag.length - 1]! & 0x0f;
  return String((tag.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}
