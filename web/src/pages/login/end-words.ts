/** Why somebody has to sign in again. `said`: what the server told an open page; null: it was not told. */
export function endWords(said: string | null): { what: string; why: string } {
  if (said === null) return { what: 'Your session has ended.', why: '' };
  if (said.includes('expired')) return { what: 'Your session has expired.', why: 'A login lasts a week.' };
  return {
    what: 'Your session was ended.',
    why: 'It was ended from elsewhere, or the password or the account was changed.',
  };
}
