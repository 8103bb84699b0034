import { displayName } from '../../lib/series-key';

export function Tags({ tags, max = 12 }: { tags: readonly string[]; max?: number }) {
  const shown = tags.slice(0, max);
  const hidden = tags.length - shown.length;
  return (
    <>
      {shown.map((tag) => (
        <span
          key={tag}
          className="max-w-full shrink-0 truncate rounded-sm border border-line px-1.5 text-2xs leading-4.5 text-dim"
        >
          {displayName(tag, 32)}
        </span>
      ))}
      {hidden > 0 && (
        <span className="text-2xs leading-4.5 text-faint" title={tags.slice(max).join(', ')}>
          +{hidden}
        </span>
      )}
    </>
  );
}
