import { useState } from 'react';
import { type ApiError, asApiError } from '../api/client';

/** Something that a person sets off, one at a time: whether it is under way, and why it was refused. */
export function useAction() {
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<ApiError | null>(null);

  async function act(action: () => Promise<void>) {
    setBusy(true);
    setRefused(null);
    try {
      await action();
    } catch (cause) {
      setRefused(asApiError(cause));
    } finally {
      setBusy(false);
    }
  }

  return { busy, refused, act };
}
