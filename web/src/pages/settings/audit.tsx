import Download from 'lucide-react/icons/download';
import { type ReactNode, useCallback, useMemo, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { accounts } from '../../api/accounts';
import type { AuditLine } from '../../api/schema';
import { displayName } from '../../lib/names';
import { day, inputValue } from '../../lib/time';
import { DAY_MS } from '../../lib/units';
import { usePages } from '../../lib/use-pages';
import { useFleet, useKnownNow } from '../../live/store';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import { Paged } from '../../ui/paged';
import { AuditRow } from './audit-row';
import {
  type AuditView,
  auditQuery,
  auditViewSearch,
  OUTCOMES,
  parseAuditView,
  SPANS,
  type Span,
  SUBJECTS,
} from './audit-words';
import { Head } from './rows';

const PAGE_SIZE = 50;

export function Audit() {
  const search = useSearch();
  const [, navigate] = useLocation();
  const view = useMemo(() => parseAuditView(search), [search]);
  const change = (part: Partial<AuditView>) =>
    navigate(`/settings/audit${auditViewSearch({ ...view, ...part })}`, { replace: true });
  const { skewMs } = useFleet();
  return (
    <div className="grid grid-cols-1 gap-4">
      <Head
        action={
          <a
            href={accounts.auditFile(auditQuery(view, Date.now() + skewMs))}
            download="stardust-audit.jsonl"
            data-testid="audit-download"
            title="One JSON object a line, the oldest first; 20,000 at most"
            className="inline-flex h-8 items-center gap-2 rounded-md border border-line-strong bg-raised px-3 text-sm transition hover:bg-hover pointer-coarse:h-10"
          >
            <Download size={14} aria-hidden />
            Download
          </a>
        }
      >
        Who has done what, and who was refused. Each line is chained to the one before;{' '}
        <code className="font-mono text-xs">stardust-server audit verify</code> checks that none was changed.
      </Head>
      <Filters view={view} onChange={change} />
      <Lines
        key={auditViewSearch(view)}
        view={view}
        onReset={() => navigate('/settings/audit', { replace: true })}
      />
    </div>
  );
}

function Select({
  label,
  value,
  testId,
  onChange,
  children,
}: {
  label: string;
  value: string;
  testId: string;
  onChange(value: string): void;
  children: ReactNode;
}) {
  return (
    <label className="grid min-w-0 gap-1">
      <span className="text-xs text-faint">{label}</span>
      <select
        className="field h-8 min-w-0 px-2 text-sm pointer-coarse:h-10"
        data-testid={testId}
        value={value}
        onChange={(event) => onChange(event.target.value)}
      >
        {children}
      </select>
    </label>
  );
}

function Filters({ view, onChange }: { view: AuditView; onChange(part: Partial<AuditView>): void }) {
  const { nodes } = useFleet();
  const [name, setName] = useState(view.username);
  const sorted = useMemo(
    () => [...(nodes?.values() ?? [])].sort((a, b) => a.name.localeCompare(b.name)),
    [nodes],
  );
  const timeOf = (text: string) => (text === '' ? null : new Date(text).getTime() || null);
  return (
    <div className="grid grid-cols-2 gap-2 sm:grid-cols-3 lg:grid-cols-5">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          onChange({ username: name.trim() });
        }}
        className="min-w-0 max-sm:col-span-2"
      >
        <label className="grid gap-1">
          <span className="text-xs text-faint">User</span>
          <input
            type="search"
            className="field h-8 px-2 text-sm pointer-coarse:h-10"
            data-testid="audit-user"
            placeholder="Name, then Enter"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={64}
            value={name}
            onChange={(event) => {
              setName(event.target.value);
              if (event.target.value === '') onChange({ username: '' });
            }}
            onBlur={() => name.trim() !== view.username && onChange({ username: name.trim() })}
          />
        </label>
      </form>
      <Select
        label="What"
        value={view.action}
        testId="audit-action"
        onChange={(action) => onChange({ action })}
      >
        <option value="">Everything</option>
        {SUBJECTS.map(([beginning, words]) => (
          <option key={beginning} value={beginning}>
            {words}
          </option>
        ))}
      </Select>
      <Select
        label="Node"
        value={view.node === null ? '' : String(view.node)}
        testId="audit-node"
        onChange={(id) => onChange({ node: id === '' ? null : Number(id) })}
      >
        <option value="">All, and none</option>
        {view.node !== null && !nodes?.has(view.node) && <option value={view.node}>Node {view.node}</option>}
        {sorted.map((node) => (
          <option key={node.id} value={node.id}>
            {displayName(node.name, 40)}
          </option>
        ))}
      </Select>
      <Select
        label="Outcome"
        value={view.outcome}
        testId="audit-outcome"
        onChange={(outcome) => onChange({ outcome })}
      >
        <option value="">Any</option>
        {OUTCOMES.map(([id, words]) => (
          <option key={id} value={id}>
            {words}
          </option>
        ))}
      </Select>
      <Select
        label="When"
        value={view.span}
        testId="audit-span"
        onChange={(span) => onChange({ span: span as Span })}
      >
        {SPANS.map(([id, words]) => (
          <option key={id} value={id}>
            {words}
          </option>
        ))}
      </Select>
      {view.span === 'own' && (
        <div className="col-span-full flex flex-wrap gap-2">
          {(['from', 'to'] as const).map((end) => (
            <label key={end} className="grid w-60 max-w-full gap-1">
              <span className="text-xs text-faint">{end === 'from' ? 'From' : 'To'}</span>
              <input
                type="datetime-local"
                step={1}
                className="field h-8 px-2 text-sm pointer-coarse:h-10"
                value={view[end] === null ? '' : inputValue(view[end])}
                onChange={(event) => onChange({ [end]: timeOf(event.target.value) })}
              />
            </label>
          ))}
        </div>
      )}
    </div>
  );
}

function Lines({ view, onReset }: { view: AuditView; onReset(): void }) {
  const { skewMs, nodes } = useFleet();
  // When this list was begun: its pages are of one span.
  const [begun] = useState(() => Date.now() + skewMs);
  const fetch = useCallback(
    async (cursor: string | null, signal: AbortSignal) => {
      const query = { ...auditQuery(view, begun), limit: PAGE_SIZE };
      const { audit, next } = await accounts.audit(cursor === null ? query : { ...query, cursor }, signal);
      return { items: audit, next };
    },
    [view, begun],
  );
  const list = usePages<AuditLine>({ fetch, older: 'stays' });
  const now = useKnownNow(30_000);
  const days = useMemo(() => byDay(list.pages?.items ?? []), [list.pages]);
  const words = new Map([
    [day(now), 'Today'],
    [day(now - DAY_MS), 'Yesterday'],
  ]);
  return (
    <Paged list={list} waiting="Looking back…" testId="audit">
      {days.length === 0 && (
        <Empty title="Nothing of that kind" line="Is there life on Mars?">
          <Button onClick={onReset}>Show everything</Button>
        </Empty>
      )}
      {days.map((one) => (
        <section key={one.day} aria-label={words.get(one.day) ?? one.day}>
          <h2 className="mb-1.5 px-1 text-xs font-semibold text-dim">{words.get(one.day) ?? one.day}</h2>
          <ul className="panel divide-y divide-line overflow-hidden">
            {one.lines.map((line) => (
              <AuditRow
                key={line.id}
                line={line}
                node={line.node === null ? undefined : nodes?.get(line.node)}
              />
            ))}
          </ul>
        </section>
      ))}
    </Paged>
  );
}

function byDay(lines: readonly AuditLine[]): { day: string; lines: AuditLine[] }[] {
  const days: { day: string; lines: AuditLine[] }[] = [];
  for (const line of lines) {
    const of = day(line.time_ms);
    const last = days.at(-1);
    if (last?.day === of) last.lines.push(line);
    else days.push({ day: of, lines: [line] });
  }
  return days;
}
