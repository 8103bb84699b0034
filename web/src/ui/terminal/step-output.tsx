import { Link } from 'wouter';
import type { JobStep } from '../../api/job';
import type { OutputLog } from '../../live/output';
import { Line } from './line';

/** A step's own words are few; of those with many, the end says most. */
const LINES_MAX = 60;

/** What one step has printed, folded into the list of steps. */
export function StepOutput({ log, step, job }: { log: OutputLog; step: JobStep; job: number }) {
  const [first, end] = log.between(step.from ?? 0, step.to ?? 0);
  const from = Math.max(first, end - LINES_MAX);
  return (
    <div className="max-h-60 overflow-auto rounded-md border border-line bg-term px-2.5 py-1.5 font-mono text-xs leading-5">
      {from > first && (
        <Link href={`/jobs/${job}`} className="text-faint underline underline-offset-2">
          {from - first} lines before these
        </Link>
      )}
      {log.lines.slice(from, end).map((line, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines of a log have no names.
        <div key={from + index} className="whitespace-pre-wrap wrap-anywhere">
          <Line line={line} />
        </div>
      ))}
    </div>
  );
}
