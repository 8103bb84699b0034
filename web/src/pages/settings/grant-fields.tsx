import { useMemo } from 'react';
import type { Grant, Right, Role } from '../../api/schema';
import { RIGHT_WORDS, RIGHTS, ROLE_WORDS, ROLES } from '../../lib/access';
import { displayName } from '../../lib/names';
import { useFleet } from '../../live/store';
import { Segmented } from '../../ui/segmented';
import { TextField } from '../../ui/text-field';
import { parseTags } from '../fleet/parse-tags';
import { Choice } from '../ssh/choice';

/** A role, tags as they are typed, and rights, while they are being filled in. */
export interface GrantDraft {
  role: Role;
  tags: string;
  rights: readonly Right[];
}

export const NO_GRANT: GrantDraft = { role: 'viewer', tags: '', rights: [] };

export function grantDraft(grant: Grant): GrantDraft {
  return { role: grant.role, tags: grant.tags.join(', '), rights: grant.rights };
}

export function grantOf(draft: GrantDraft): Grant {
  return { role: draft.role, tags: parseTags(draft.tags), rights: [...draft.rights] };
}

const SUGGESTED_MAX = 12;

interface Props {
  draft: GrantDraft;
  onChange(draft: GrantDraft): void;
  /** Those that may be given away. */
  roles?: readonly Role[];
  rights?: readonly Right[];
  /** What no tags stand for. */
  all?: string;
}

export function GrantFields({ draft, onChange, roles = ROLES, rights = RIGHTS, all = 'all nodes' }: Props) {
  // Admins deploy anyway.
  const offered = rights.filter((right) => right !== 'deploy' || draft.role !== 'admin');
  return (
    <>
      <div className="grid gap-1">
        <span className="text-sm text-dim">Role</span>
        <Segmented<Role>
          legend="Role"
          testId="role"
          choices={roles.map((id) => ({ id, label: ROLE_WORDS[id].name }))}
          value={draft.role}
          onChange={(role) => onChange({ ...draft, role })}
        />
        <span className="text-xs text-faint" aria-live="polite">
          {ROLE_WORDS[draft.role].may}
          {draft.role === 'admin' &&
            parseTags(draft.tags).length === 0 &&
            ' On all nodes: users and settings too.'}
        </span>
      </div>
      <TagsField
        note={`Only nodes with one of these. Empty: ${all}.`}
        value={draft.tags}
        onChange={(tags) => onChange({ ...draft, tags })}
      />
      {offered.length > 0 && (
        <fieldset className="grid gap-2">
          <legend className="mb-1 text-sm text-dim">Rights on top</legend>
          {offered.map((right) => (
            <Choice
              key={right}
              checked={draft.rights.includes(right)}
              onChange={(on) =>
                onChange({
                  ...draft,
                  rights: on ? [...draft.rights, right] : draft.rights.filter((other) => other !== right),
                })
              }
              label={RIGHT_WORDS[right].name}
              note={RIGHT_WORDS[right].may}
            />
          ))}
        </fieldset>
      )}
    </>
  );
}

interface TagsProps {
  note: string;
  value: string;
  onChange(text: string): void;
}

/** Tags as text, and those that the fleet has to be taken with a click. */
function TagsField({ note, value, onChange }: TagsProps) {
  const { nodes } = useFleet();
  const known = useMemo(() => {
    const counts = new Map<string, number>();
    for (const node of nodes?.values() ?? []) {
      for (const tag of node.tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
    }
    const all = [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
    return all.slice(0, SUGGESTED_MAX).map(([tag]) => tag);
  }, [nodes]);
  const taken = parseTags(value);
  const toggle = (tag: string) =>
    onChange((taken.includes(tag) ? taken.filter((other) => other !== tag) : [...taken, tag]).join(', '));
  return (
    <div className="grid gap-2">
      <TextField
        label="Tags"
        aside="with commas between"
        note={note}
        testId="tags"
        placeholder="web, db"
        value={value}
        onChange={onChange}
      />
      {known.length > 0 && (
        <div className="flex flex-wrap gap-1.5">
          {known.map((tag) => (
            <button
              key={tag}
              type="button"
              aria-pressed={taken.includes(tag)}
              onClick={() => toggle(tag)}
              className={`h-6 max-w-full truncate rounded-sm border px-2 text-xs transition pointer-coarse:h-8 ${
                taken.includes(tag)
                  ? 'border-text bg-hover text-text'
                  : 'border-line-strong text-dim hover:bg-hover hover:text-text'
              }`}
            >
              {displayName(tag, 32)}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
