/** What is pasted as a code, without the spaces that apps and notes put between its parts. */
export function tidyCode(text: string): string {
  return text.replace(/[\s\u200b\u00a0]+/g, '');
}

/** Six digits: what an authenticator app shows. */
export function isAppCode(text: string): boolean {
  return /^\d{6}$/.test(tidyCode(text));
}

/** A secret as it is read from a screen and typed: in fours. */
export function inFours(secret: string): string {
  return secret.match(/.{1,4}/g)?.join(' ') ?? '';
}

/** A file to keep: what the codes are for, and where. */
export function recoveryFile(codes: readonly string[], username: string, place: string): string {
  return [
    `Recovery codes of ${username} for Stardust at ${place}`,
    'Each is good once, in place of the second factor.',
    '',
    ...codes,
    '',
  ].join('\n');
}
