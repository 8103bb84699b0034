import { useCallback, useEffect, useRef, useState } from 'react';
import { type ApiError, asApiError } from '../api/client';

/** Something that is asked for when shown, and again whenever `key` changes; the old stays until the new is there. */
export function useLoaded<T>(key: string, load: (signal: AbortSignal) => Promise<T>) {
  const [state, setState] = useState<{ data: T | null; error: ApiError | null; loading: boolean }>({
    data: null,
    error: null,
    loading: true,
  });
  const [attempt, setAttempt] = useState(0);
  const latest = useRef(load);
  useEffect(() => {
    latest.current = load;
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` says what is asked for.
  useEffect(() => {
    const request = new AbortController();
    setState((before) => ({ ...before, loading: true }));
    latest.current(request.signal).then(
      (data) => {
        if (!request.signal.aborted) setState({ data, error: null, loading: false });
      },
      (cause) => {
        if (!request.signal.aborted)
          setState((before) => ({ ...before, error: asApiError(cause), loading: false }));
      },
    );
    return () => request.abort();
  }, [key, attempt]);
  const reload = useCallback(() => setAttempt((n) => n + 1), []);
  return { ...state, reload };
}
