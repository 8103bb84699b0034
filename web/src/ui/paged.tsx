import type { ReactNode } from 'react';
import type { ApiError } from '../api/client';
import { Button } from './button';
import { Problem } from './problem';

interface Props {
  list: {
    pages: unknown;
    error: ApiError | null;
    loading: boolean;
    renew(): void;
    more: (() => void) | null;
  };
  /** Said while nothing is there yet. */
  waiting: string;
  testId: string;
  children: ReactNode;
}

/** Around a list of `usePages`: waiting, trouble, and the way to older ones. */
export function Paged({ list, waiting, testId, children }: Props) {
  const problem = list.error && <Problem error={list.error} onRetry={list.renew} />;
  if (!list.pages) {
    return problem ?? <p className="late py-12 text-center text-sm text-faint">{waiting}</p>;
  }
  return (
    <div className="grid grid-cols-1 gap-4" data-testid={testId}>
      {problem}
      {children}
      {list.more && (
        <Button
          className="justify-self-center"
          disabled={list.loading}
          onClick={list.more}
          data-testid={`${testId}-more`}
        >
          {list.loading ? 'Loading…' : 'Show older ones'}
        </Button>
      )}
    </div>
  );
}
