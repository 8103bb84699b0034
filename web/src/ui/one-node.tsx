import X from 'lucide-react/icons/x';
import { displayName } from '../lib/names';

interface Props {
  id: number;
  name: string | undefined;
  /** What of it is shown. */
  what: string;
  testId: string;
  onAll(): void;
}

/** That a list is of one node only, and the way back to all. */
export function OneNode({ id, name, what, testId, onAll }: Props) {
  return (
    <button
      type="button"
      data-testid={testId}
      onClick={onAll}
      className="inline-flex h-8 max-w-60 items-center gap-2 rounded-md border border-line-strong px-3 text-sm transition hover:bg-hover pointer-coarse:h-10"
      title={`Show the ${what} of all nodes`}
    >
      <span className="truncate">{name === undefined ? `Node ${id}` : displayName(name, 40)}</span>
      <X size={14} aria-hidden className="shrink-0 text-faint" />
      <span className="sr-only">: show the {what} of all nodes</span>
    </button>
  );
}
