/** Words that only make sense to who calls the API by hand. */
const API_WORDS =
  /\b(?:GET|POST|PUT|PATCH|DELETE) \/|\bSend (?:auth\b|\{|")|\{"|"[a-z]+(?:_[a-z]+)*"|\bhost_key\b|\bwait_s\b/;

const BY_KIND: Readonly<Record<string, string>> = {
  credentials_needed: 'Give them once more, or keep them: “Connection” in the actions of the node.',
  precondition_failed: 'Nothing was saved. Look at what it is now, then change that.',
};

/** A hint of the API without what it says to scripts; `kind` may have better words for this page. */
export function forPeople(hint: string | undefined | null, kind = ''): string {
  const known = BY_KIND[kind];
  if (known) return known;
  if (!hint || !API_WORDS.test(hint)) return hint ?? '';
  const sentences = hint.split(/(?<=[.!?;])\s+/).filter((sentence) => !API_WORDS.test(sentence));
  return sentences.join(' ').replace(/;$/, '.');
}
