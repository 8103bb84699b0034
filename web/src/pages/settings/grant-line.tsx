import type { Grant } from '../../api/schema';
import { RIGHT_WORDS, ROLE_WORDS } from '../../lib/access';
import { Tags } from '../fleet/tags';
import { QuietBadge } from '../packages/badges';

/** A role, where it holds, and the rights on top. */
export function GrantLine({ grant, all = 'all nodes' }: { grant: Grant; all?: string }) {
  return (
    <span className="inline-flex max-w-full flex-wrap items-center gap-x-1.5 gap-y-1 text-sm">
      <span className={grant.role === 'admin' ? 'font-medium text-text' : 'text-text'}>
        {ROLE_WORDS[grant.role].name}
      </span>
      <span className="text-faint">on</span>
      {grant.tags.length === 0 ? <span className="text-dim">{all}</span> : <Tags tags={grant.tags} max={8} />}
      {grant.rights.map((right) => (
        <QuietBadge key={right} title={RIGHT_WORDS[right].may}>
          {`+ ${right}`}
        </QuietBadge>
      ))}
    </span>
  );
}
