import { type FormEvent, useState } from 'react';
import { type ApiError, asApiError } from '../api/client';

/** A form that is sent once at a time, and says what was refused. After a success it stays busy: it goes away. */
export function useSubmit(send: () => Promise<void>) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await send();
    } catch (cause) {
      setError(asApiError(cause));
      setBusy(false);
    }
  }

  return { busy, error, submit, clear: () => setError(null) };
}
