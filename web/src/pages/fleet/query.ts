import type { FleetNode } from '../../live/fleet';

/** A search taken apart: words that must be somewhere, and tags that the node must have. */
export interface Query {
  words: string[];
  tags: string[];
}

/** `debian tag:home tag:"my rack"`. Quotes hold words together; upper and lower case are the same. */
export function parseQuery(text: string): Query {
  const query: Query = { words: [], tags: [] };
  for (const [, tag, quoted, plain] of text.toLowerCase().matchAll(/(tag:)?(?:"([^"]*)"?|([^\s"]+))/g)) {
    const word = (quoted ?? plain ?? '').trim();
    if (word === '') continue;
    if (tag) query.tags.push(word);
    else query.words.push(word);
  }
  return query;
}

/** How a tag is asked for. */
export function tagQuery(tag: string): string {
  const name = tag.replaceAll('"', ' ').replace(/\s+/g, ' ').trim();
  return /\s/.test(name) ? `tag:"${name}"` : `tag:${name}`;
}

/** The search with a tag asked for as well, or not any more when it was. */
export function toggleTag(text: string, tag: string): string {
  const wanted = tagQuery(tag);
  const name = parseQuery(wanted).tags[0];
  const before = parseQuery(text);
  const quote = (word: string) => (/\s/.test(word) ? `"${word}"` : word);
  if (name !== undefined && before.tags.includes(name)) {
    return [
      ...before.words.map(quote),
      ...before.tags.filter((other) => other !== name).map((other) => tagQuery(other)),
    ].join(' ');
  }
  return `${text.trim()} ${wanted}`.trim();
}

/** As `tagQuery` writes it. */
const plainTag = (tag: string) => tag.toLowerCase().replaceAll('"', ' ').replace(/\s+/g, ' ').trim();

export function fits(node: FleetNode, { words, tags }: Query): boolean {
  if (tags.length > 0) {
    const own = node.tags.map(plainTag);
    if (!tags.every((tag) => own.includes(tag))) return false;
  }
  if (words.length === 0) return true;
  const id = node.identity;
  const text = [
    node.name,
    ...node.tags,
    node.address,
    id?.hostname,
    id?.os,
    id?.kernel,
    id?.arch,
    id?.cpu_model,
    id?.board,
  ]
    .filter(Boolean)
    .join('\n')
    .toLowerCase();
  return words.every((word) => text.includes(word));
}
