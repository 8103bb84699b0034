import { useVirtualizer } from '@tanstack/react-virtual';
import ArrowDownToLine from 'lucide-react/icons/arrow-down-to-line';
import ChevronDown from 'lucide-react/icons/chevron-down';
import ChevronUp from 'lucide-react/icons/chevron-up';
import CircleX from 'lucide-react/icons/circle-x';
import Pause from 'lucide-react/icons/pause';
import Search from 'lucide-react/icons/search';
import {
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type WheelEvent,
} from 'react';
import type { Job } from '../../api/job';
import { isTyping } from '../../lib/shortcuts';
import { useOutput } from '../../live/follow';
import { type Found, lineText, search } from '../../live/output';
import { errorLine } from '../../pages/jobs/error-line';
import { Button, IconButton } from '../button';
import { CopyButton } from '../copy';
import { Problem } from '../problem';
import { Downloads } from './downloads';
import type { Range } from './highlight';
import { Line } from './line';

const LINE_HEIGHT = 20;
/** A scroll so soon after the wheel, a key or a finger is the person's. */
const BY_HAND_MS = 800;

export interface OutputHandle {
  /** To the first line at this byte of the output. */
  goTo(at: number): void;
}

interface Props {
  job: number;
  active: boolean;
  className?: string;
  handle?: React.Ref<OutputHandle>;
  /** When it has failed, the output opens at the line that says why. */
  problem?: Job;
  onReason?(line: string): void;
}

/** A job's output like in a terminal: follows the end until someone scrolls up, and can be searched. */
export function OutputView({ job, active, className = '', handle, problem, onReason }: Props) {
  const follower = useOutput(job, active);
  const { lines } = follower.log;
  const box = useRef<HTMLDivElement>(null);
  const [following, setFollowing] = useState(active);
  const handAt = useRef(0);
  const lastTop = useRef(0);
  const [seen, setSeen] = useState(0);
  const [query, setQuery] = useState('');
  const [current, setCurrent] = useState(0);
  const searchField = useRef<HTMLInputElement>(null);

  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE_HEIGHT,
    overscan: 24,
    paddingStart: 8,
    paddingEnd: 12,
  });
  const total = virtual.getTotalSize();

  // biome-ignore lint/correctness/useExhaustiveDependencies: whenever it grew, or lines turned out to be higher.
  useLayoutEffect(() => {
    if (following && box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [following, total, follower.version]);

  const letGo = () => {
    setFollowing(false);
    setSeen(follower.log.lines.length);
  };
  const toEnd = () => setFollowing(true);
  const byHand = () => {
    handAt.current = performance.now();
  };
  // What is printed at that moment would take a turn of the wheel back before it scrolls.
  const onWheel = (event: WheelEvent) => {
    byHand();
    if (following && event.deltaY < 0 && event.currentTarget.scrollTop > 0) letGo();
  };
  const onScroll = () => {
    const element = box.current!;
    const left = element.scrollHeight - element.clientHeight - element.scrollTop;
    const up = element.scrollTop < lastTop.current - 1;
    lastTop.current = element.scrollTop;
    if (performance.now() - handAt.current > BY_HAND_MS) return;
    if (following && up && left > 4) letGo();
    else if (!following && !up && left < 4) toEnd();
  };

  // biome-ignore lint/correctness/useExhaustiveDependencies: the log is one object, its version tells that it grew.
  const found = useMemo(() => search(lines, query), [lines, query, follower.version]);
  const byLine = useMemo(() => {
    const map = new Map<number, Range[]>();
    found.forEach((hit: Found, index) => {
      const ranges = map.get(hit.line) ?? [];
      ranges.push({ from: hit.from, to: hit.to, current: index === current });
      map.set(hit.line, ranges);
    });
    return map;
  }, [found, current]);
  const showFound = (index: number) => {
    if (found.length === 0) return;
    const at = (index + found.length) % found.length;
    setCurrent(at);
    letGo();
    virtual.scrollToIndex(found[at]!.line, { align: 'center' });
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new query goes to its first place, growing output does not.
  useEffect(() => {
    setCurrent(0);
    if (query !== '' && found.length > 0) showFound(0);
  }, [query]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the log is one object, its version tells that it grew.
  const wrongAt = useMemo(
    () => (problem && !active && follower.ended ? errorLine(lines, problem) : null),
    [lines, problem, active, follower.ended, follower.version],
  );
  const toWrong = (at: number) => {
    letGo();
    virtual.scrollToIndex(at, { align: 'center' });
  };
  const opened = useRef(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, as soon as it is known, unless someone looks elsewhere.
  useEffect(() => {
    if (wrongAt === null || opened.current) return;
    opened.current = true;
    onReason?.(lineText(lines[wrongAt]!).trim());
    if (following || handAt.current === 0) toWrong(wrongAt);
  }, [wrongAt]);

  useImperativeHandle(handle, () => ({
    goTo(at) {
      letGo();
      virtual.scrollToIndex(follower.log.indexAt(at), { align: 'start' });
    },
  }));

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return;
      if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
      event.preventDefault();
      event.stopPropagation();
      searchField.current?.focus();
    };
    window.addEventListener('keydown', onKeyDown, { capture: true });
    return () => window.removeEventListener('keydown', onKeyDown, { capture: true });
  }, []);

  const unseen = lines.length - seen;
  return (
    <section aria-label="Output" className={`panel flex min-h-0 flex-col overflow-hidden ${className}`}>
      <div className="flex min-h-11 flex-wrap items-center gap-1 border-b border-line p-1.5">
        <label className="relative mr-auto min-w-36 flex-1 sm:max-w-64">
          <span className="sr-only">Search the output</span>
          <Search
            size={14}
            aria-hidden
            className="pointer-events-none absolute top-1/2 left-2 -translate-y-1/2 text-faint"
          />
          <input
            ref={searchField}
            type="search"
            data-testid="output-search"
            className="field h-7 border-transparent bg-transparent pr-2 pl-7 text-sm pointer-coarse:h-9"
            placeholder="Search the output"
            autoComplete="off"
            spellCheck={false}
            value={query}
            onChange={(event) => setQuery(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter') showFound(current + (event.shiftKey ? -1 : 1));
              if (event.key === 'Escape') {
                setQuery('');
                event.currentTarget.blur();
              }
            }}
          />
        </label>
        {query !== '' && (
          <span className="flex items-center text-xs text-dim" data-testid="output-found">
            {found.length === 0 ? 'Not found' : `${current + 1} of ${found.length}`}
            <IconButton
              label="Previous"
              className="h-7 w-7"
              disabled={found.length === 0}
              onClick={() => showFound(current - 1)}
            >
              <ChevronUp size={15} aria-hidden />
            </IconButton>
            <IconButton
              label="Next"
              className="h-7 w-7"
              disabled={found.length === 0}
              onClick={() => showFound(current + 1)}
            >
              <ChevronDown size={15} aria-hidden />
            </IconButton>
          </span>
        )}
        {wrongAt !== null && (
          <Button small look="quiet" data-testid="output-wrong" onClick={() => toWrong(wrongAt)}>
            <CircleX size={13} aria-hidden className="text-bad" />
            <span className="max-sm:sr-only">To the error</span>
          </Button>
        )}
        {active && (
          <Button
            small
            look="quiet"
            aria-pressed={following}
            data-testid="output-follow"
            onClick={following ? letGo : toEnd}
            title={following ? 'Stop following' : 'Follow the output again'}
          >
            {following ? <Pause size={13} aria-hidden /> : <ArrowDownToLine size={13} aria-hidden />}
            {following ? 'Pause' : 'Follow'}
          </Button>
        )}
        <CopyButton text={() => follower.log.text()} />
        <Downloads job={job} />
      </div>
      {follower.error && (
        <div className="border-b border-line p-2">
          <Problem error={follower.error} onRetry={follower.fetch} />
        </div>
      )}
      <div className="relative min-h-0 flex-1 bg-term">
        <div
          ref={box}
          role="log"
          aria-live="off"
          aria-label="Lines of the output"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard.
          tabIndex={0}
          data-testid="output"
          data-lines={lines.length}
          data-following={following}
          onScroll={onScroll}
          onWheel={onWheel}
          onTouchMove={byHand}
          onPointerDown={byHand}
          onKeyDown={byHand}
          className="absolute inset-0 overflow-auto overscroll-contain focus-visible:-outline-offset-2"
        >
          {lines.length === 0 ? (
            <p className="late px-3 py-2 font-mono text-xs text-faint">
              {active ? 'Nothing was printed yet.' : 'Nothing was printed.'}
            </p>
          ) : (
            <div className="relative w-full" style={{ height: total }}>
              {virtual.getVirtualItems().map((item) => (
                <div
                  key={item.key}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  style={{ transform: `translateY(${item.start}px)` }}
                  data-wrong={item.index === wrongAt || undefined}
                  className={`absolute inset-x-0 px-3 font-mono text-xs leading-5 whitespace-pre-wrap wrap-anywhere ${
                    item.index === wrongAt ? 'bg-bad/14 shadow-[inset_3px_0_0_var(--bad)]' : ''
                  }`}
                >
                  <Line line={lines[item.index]!} ranges={byLine.get(item.index)} />
                </div>
              ))}
            </div>
          )}
        </div>
        {!following && active && (
          <Button
            small
            data-testid="output-end"
            onClick={toEnd}
            className="absolute bottom-3 left-1/2 -translate-x-1/2 rounded-full"
          >
            <ArrowDownToLine size={13} aria-hidden />
            {unseen > 0 ? `${unseen} new ${unseen === 1 ? 'line' : 'lines'}` : 'To the end'}
          </Button>
        )}
      </div>
    </section>
  );
}
