import type { ReactNode } from 'react';
import type { ApiError } from '../../api/client';
import { Problem } from '../../ui/problem';

interface HeadProps {
  /** What is listed below, and what it is for. */
  children: ReactNode;
  action?: ReactNode;
}

/** Above a list: what it is, and the way to add to it. */
export function Head({ children, action }: HeadProps) {
  return (
    <div className="flex flex-wrap items-start justify-between gap-x-6 gap-y-3">
      <p className="min-w-0 flex-1 basis-72 text-sm text-dim">{children}</p>
      {action}
    </div>
  );
}

interface ListProps<T> {
  label: string;
  loaded: { data: readonly T[] | null; error: ApiError | null; reload(): void };
  testId: string;
  /** Where there is none. */
  empty?: ReactNode;
  row(one: T): ReactNode;
}

/** Waiting, trouble, or one row each. */
export function Rows<T>({ label, loaded, testId, empty, row }: ListProps<T>) {
  const { data, error, reload } = loaded;
  const problem = error && <Problem error={error} onRetry={reload} />;
  if (!data) return problem ?? <p className="late py-8 text-center text-sm text-faint">One moment…</p>;
  return (
    <div className="grid grid-cols-1 gap-3">
      {problem}
      {data.length === 0 ? (
        empty
      ) : (
        <ul className="panel divide-y divide-line overflow-hidden" aria-label={label} data-testid={testId}>
          {data.map(row)}
        </ul>
      )}
    </div>
  );
}

interface RowProps {
  /** Who or what. */
  head: ReactNode;
  /** What of it. */
  children: ReactNode;
  /** When. */
  aside: ReactNode;
  /** What can be done with it. */
  action?: ReactNode;
  dim?: boolean;
  id: string | number;
}

/** Columns on wide screens, a stack on phones. */
export function Row({ head, children, aside, action, dim = false, id }: RowProps) {
  return (
    <li
      data-row={id}
      className="grid grid-cols-[minmax(0,1fr)_auto] items-start gap-x-4 gap-y-1 px-4 py-3 transition-colors hover:bg-hover md:grid-cols-[minmax(0,17rem)_minmax(0,1fr)_minmax(0,13rem)_4.5rem]"
    >
      <div className={`flex min-w-0 flex-wrap items-center gap-x-2 gap-y-1 ${dim ? 'opacity-70' : ''}`}>
        {head}
      </div>
      <div className={`min-w-0 max-md:order-3 max-md:col-span-2 ${dim ? 'opacity-70' : ''}`}>{children}</div>
      <div className="min-w-0 text-xs text-dim max-md:order-4 max-md:col-span-2 max-md:flex max-md:flex-wrap max-md:gap-x-3 md:text-right md:leading-5">
        {aside}
      </div>
      <div className="-my-1 flex justify-end max-md:order-2">{action}</div>
    </li>
  );
}
