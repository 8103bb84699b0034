import type { ApiError } from '../api/client';
import { forPeople } from '../lib/for-people';
import { Button } from './button';
import { Name } from './name';

const oneLine = (text: string) => text.replace(/\s+/g, ' ');

interface Props {
  error: ApiError;
  onRetry?: () => void;
  retryLabel?: string;
}

/** What failed and what to do next, in the API's words. */
export function Problem({ error, onRetry, retryLabel }: Props) {
  const hint = forPeople(error.hint, error.kind);
  return (
    <div role="alert" className="flex items-start gap-4 rounded-md border border-bad/45 bg-bad/8 px-3 py-2">
      <div className="min-w-0 flex-1">
        <p className="text-sm font-medium wrap-anywhere">
          <Name text={oneLine(error.message)} max={1_000} />
        </p>
        {hint && <p className="mt-0.5 text-sm text-dim wrap-anywhere">{hint}</p>}
      </div>
      {onRetry && (
        <Button small onClick={onRetry} className="mt-0.5">
          {retryLabel ?? 'Try again'}
        </Button>
      )}
    </div>
  );
}
