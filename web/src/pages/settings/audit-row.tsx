import ChevronRight from 'lucide-react/icons/chevron-right';
import { memo } from 'react';
import { Link } from 'wouter';
import type { AuditLine } from '../../api/schema';
import { displayName } from '../../lib/names';
import { clock, dayAndClock } from '../../lib/time';
import { Name } from '../../ui/name';
import { actionWords, actorWords, detailRows, outcomeTone, subjectWords } from './audit-words';

const TONES = {
  calm: 'text-dim',
  warn: 'text-warn',
  bad: 'text-bad',
} as const;

interface Props {
  line: AuditLine;
  /** As it is called now; undefined: it is gone, or there is none. */
  node: { id: number; name: string } | undefined;
}

/** Who did what, when, with which outcome; what else the line says unfolds. */
export const AuditRow = memo(function AuditRow({ line, node }: Props) {
  const tone = outcomeTone(line.outcome);
  const nodeName = node?.name ?? line.node_name ?? '';
  // The node itself is what it was about, where the line says nothing else.
  const subject = subjectWords(line) || nodeName;
  return (
    <li data-action={line.action} data-outcome={line.outcome} data-actor={line.username}>
      <details className="group">
        <summary className="grid list-none grid-cols-[auto_auto_minmax(0,1fr)_auto] items-baseline gap-x-3 px-4 py-2 text-sm transition-colors hover:bg-hover focus-visible:-outline-offset-2 [&::-webkit-details-marker]:hidden">
          <ChevronRight
            size={14}
            aria-hidden
            className="-ml-1 translate-y-0.5 text-faint transition-transform group-open:rotate-90"
          />
          <time
            dateTime={new Date(line.time_ms).toISOString()}
            title={dayAndClock(line.time_ms)}
            className="text-xs text-dim"
          >
            {clock(line.time_ms)}
          </time>
          <span className="min-w-0 gap-x-3 sm:flex sm:items-baseline">
            <span className="block min-w-0 truncate font-medium sm:w-32 sm:shrink-0 lg:w-44">
              <Name text={actorWords(line)} max={40} />
              {line.actor === 'token' && <span className="font-normal text-dim"> by token</span>}
            </span>
            <span className="block min-w-0 flex-1 text-dim wrap-anywhere">
              {displayName(actionWords(line.action), 80)}
              {subject && (
                <>
                  <span className="text-faint">: </span>
                  <span className="text-text">
                    <Name text={subject} max={80} />
                  </span>
                </>
              )}
              {nodeName !== '' && nodeName !== subject && (
                <span className="text-dim">
                  {' '}
                  on <Name text={nodeName} max={60} />
                </span>
              )}
            </span>
          </span>
          <span className={`text-right text-xs ${TONES[tone]}`}>{displayName(line.outcome, 20)}</span>
        </summary>
        <Details line={line} node={node} />
      </details>
    </li>
  );
});

function Details({ line, node }: Props) {
  const facts: [string, string][] = [
    ['When', dayAndClock(line.time_ms)],
    ['From', line.address],
    ['By way of', line.via],
    ['Action', line.action],
  ];
  return (
    <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1.5 border-t border-line bg-ink px-4 py-3 text-xs sm:pl-10">
      {facts
        .filter(([, value]) => value !== '')
        .map(([label, value]) => (
          <Fact key={label} label={label} value={value} />
        ))}
      {line.node !== null && (
        <>
          <dt className="text-faint">Node</dt>
          <dd className="min-w-0 wrap-anywhere">
            {node ? (
              <Link href={`/nodes/${node.id}`} className="underline underline-offset-2">
                <Name text={node.name} max={60} />
              </Link>
            ) : (
              <span className="text-dim">
                {displayName(line.node_name ?? `Node ${line.node}`, 60)}, which is gone
              </span>
            )}
          </dd>
        </>
      )}
      {detailRows(line).map((row) => (
        <Fact key={row.label} {...row} />
      ))}
      <Fact label={`Line ${line.id}`} value={line.hash} code />
    </dl>
  );
}

const VALUE_CHARS_MAX = 20_000;

function Fact({ label, value, code = false }: { label: string; value: string; code?: boolean }) {
  return (
    <>
      <dt className="text-faint">{displayName(label, 40)}</dt>
      <dd className={`min-w-0 text-dim wrap-anywhere ${code ? 'font-mono whitespace-pre-wrap' : ''}`}>
        {code
          ? value
              .slice(0, VALUE_CHARS_MAX)
              .split('\n')
              .map((text) => displayName(text, 2_000))
              .join('\n')
          : displayName(value, 2_000)}
      </dd>
    </>
  );
}
