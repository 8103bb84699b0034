import type { Job } from '../../api/job';
import { lineText, type OutputLine } from '../../live/output';

/** Words this short are everywhere. */
const WORDS_MIN = 8;
/** How programs begin a line that says what went wrong. */
const SAYS_ERROR =
  /^(?:\s*\[?(?:E:|error\b|fatal\b|failed\b|traceback\b)|.*\b(?:error|fatal|failed|failure):|.*: (?:permission denied|no space left|command not found|not found|cannot\b|can't\b|failed\b|error\b))/i;

/** Of a script that printed more before it ended, the end is looked at. */
const OWN_LINES_MAX = 500;
const BEGINS =
  /^(?:setting up|unpacking|preparing to unpack|removing|purging|processing triggers|running scriptlet)\b/;
const MANAGERS = /^(?:dpkg|dpkg-deb|e:|w:|apt|apt-get|error: (?:lua|rpm|transaction))/;

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** What the output is searched for: the reasons that are known, the surest first. */
function reasonsOf(job: Pick<Job, 'error' | 'result'>): string[] {
  const result = job.result ?? {};
  const failed = Array.isArray(result.failed) ? result.failed : [];
  const whys = failed.map((one) => (one as { why?: unknown } | null)?.why);
  const message = job.error?.message ?? '';
  const tails = message.split(': ').map((_, at, parts) => parts.slice(at).join(': '));
  return [...texts(whys), ...tails, ...texts(result.errors)]
    .map((text) => text.trim().replace(/\.$/, '').toLowerCase())
    .filter((text) => text.length >= WORDS_MIN);
}

/** A package manager says that a script of a package failed; why, the script has said before that. */
function ownWords<T extends { text: string }>(before: readonly T[]): T | undefined {
  for (const line of before.slice(-OWN_LINES_MAX).reverse()) {
    // The work on the package begins there.
    if (BEGINS.test(line.text)) return undefined;
    if (SAYS_ERROR.test(line.text) && !MANAGERS.test(line.text)) return line;
  }
  return undefined;
}

/** The line of the output that says why the job failed. Null where none does. */
export function errorLine(
  lines: readonly OutputLine[],
  job: Pick<Job, 'state' | 'steps' | 'error' | 'result'>,
): number | null {
  if (job.state !== 'failed' && job.state !== 'lost') return null;
  const failed = job.steps.findLast((step) => step.state === 'failed' && (step.to ?? 0) > (step.from ?? 0));
  const inside = (line: OutputLine) =>
    !failed || (line.at >= (failed.from ?? 0) && line.at < (failed.to ?? Number.POSITIVE_INFINITY));
  const found = lines
    .map((line, index) => ({ index, text: inside(line) ? lineText(line).trim().toLowerCase() : '' }))
    .filter(({ text }) => text !== '');
  for (const reason of reasonsOf(job)) {
    const at = found.findIndex(({ text }) => text.includes(reason));
    if (at >= 0) return (ownWords(found.slice(0, at)) ?? found[at]!).index;
  }
  const said = found.findLast(({ text }) => SAYS_ERROR.test(text));
  if (said) return said.index;
  // What printed last is where it stopped.
  return failed ? (found.at(-1)?.index ?? null) : null;
}
