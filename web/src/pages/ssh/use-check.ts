import { useEffect, useRef, useState } from 'react';
import { type ApiError, api, asApiError } from '../../api/client';
import type { CheckReport } from '../../api/ssh';
import { keyToConfirm } from './check-words';
import { type Confirmed, type LoginDraft, loginOf } from './draft';

export interface CheckState {
  busy: boolean;
  report: CheckReport | null;
  error: ApiError | null;
  confirmed: Confirmed;
}

const NOTHING: CheckState = { busy: false, report: null, error: null, confirmed: {} };

/** Tries a login; each host key that is new has to be confirmed before the next try goes further. */
export function useCheck() {
  const [state, setState] = useState<CheckState>(NOTHING);
  const request = useRef<AbortController | null>(null);
  useEffect(() => () => request.current?.abort(), []);

  async function run(draft: LoginDraft, confirmed: Confirmed, rootless = false): Promise<CheckReport | null> {
    request.current?.abort();
    const own = new AbortController();
    request.current = own;
    setState((before) => ({ ...before, busy: true, error: null, confirmed }));
    try {
      const login = loginOf(draft, confirmed);
      const report = await api.checkNode(rootless ? { ...login, without_root: true } : login, own.signal);
      if (own.signal.aborted) return null;
      setState({ busy: false, report, error: null, confirmed });
      return report;
    } catch (cause) {
      if (own.signal.aborted) return null;
      setState({ busy: false, report: null, error: asApiError(cause), confirmed });
      return null;
    }
  }

  return {
    ...state,
    run,
    /** The operator says that this is the key. */
    confirm(draft: LoginDraft, rootless = false): Promise<CheckReport | null> {
      const question = state.report && keyToConfirm(state.report);
      if (!question) return Promise.resolve(null);
      return run(draft, { ...state.confirmed, [question.who]: question.sha256 }, rootless);
    },
    reset(): void {
      request.current?.abort();
      setState(NOTHING);
    },
  };
}
