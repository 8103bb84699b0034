import { displayName } from '../../lib/names';
import { Name } from '../../ui/name';

interface Props {
  tags: readonly string[];
  /** As many are shown, the others counted. */
  max?: number;
  /** A tag leads to the nodes that have it. */
  onTag?(tag: string): void;
}

const LOOK = 'shrink-0 truncate rounded-sm border border-line px-1.5 text-2xs leading-4.5 text-dim';

export function Tags({ tags, max = 16, onTag }: Props) {
  const shown = tags.slice(0, max);
  const hidden = tags.slice(max);
  return (
    <>
      {shown.map((tag) =>
        onTag ? (
          <button
            key={tag}
            type="button"
            data-tag={displayName(tag, 64)}
            title={`Nodes with the tag ${displayName(tag, 64)}`}
            onClick={() => onTag(tag)}
            // Above the link that covers its card or row.
            className={`${LOOK} relative z-10 max-w-full transition hover:border-line-strong hover:bg-hover hover:text-text pointer-coarse:py-1`}
          >
            <Name text={tag} max={20} />
          </button>
        ) : (
          <span key={tag} className={`${LOOK} max-w-full`}>
            <Name text={tag} max={20} />
          </span>
        ),
      )}
      {hidden.length > 0 && (
        <span
          className="relative z-10 shrink-0 text-2xs leading-4.5 text-faint"
          title={hidden.map((tag) => displayName(tag, 64)).join(', ')}
        >
          +{hidden.length}
        </span>
      )}
    </>
  );
}
