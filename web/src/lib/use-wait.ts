import { useState } from 'react';
import type { ApiError } from '../api/client';
import { useNow } from '../live/store';

/** Seconds until the next try, where too many went wrong. */
export function useWait() {
  const [until, setUntil] = useState(0);
  const now = useNow(250);
  return {
    waitS: Math.max(0, Math.ceil((until - now) / 1000)),
    noteWait(error: ApiError) {
      if (error.retryAfterS) setUntil(Date.now() + error.retryAfterS * 1000);
    },
  };
}
