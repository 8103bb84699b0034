import { useEffect, useRef, useState } from 'react';
import { ApiError, api, asApiError } from '../../api/client';
import { pooled } from '../../lib/pool';
import { live } from '../../live/store';
import { afterCheck, type ImportRow, loginFor, requestFor, rowsOf } from './import-rows';
import type { SecretsDraft } from './secrets';

const AT_ONCE = 4;
const BUSY_TRIES_MAX = 20;
const BUSY_WAIT_MS = 1_500;

/** The server works on so many nodes at a time: the rest is asked again a little later. */
async function patiently<T>(ask: () => Promise<T>, alive: () => boolean): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await ask();
    } catch (cause) {
      if (!(cause instanceof ApiError) || cause.status !== 503 || tries >= BUSY_TRIES_MAX || !alive()) {
        throw cause;
      }
      await new Promise((resolve) => setTimeout(resolve, BUSY_WAIT_MS));
    }
  }
}

/** Many hosts: looked at a few at a time, and deployed once their keys were confirmed. */
export function useImport() {
  const [rows, setRows] = useState<ImportRow[]>([]);
  const alive = useRef(true);
  const stop = useRef(new AbortController());
  useEffect(() => {
    alive.current = true;
    stop.current = new AbortController();
    return () => {
      alive.current = false;
      stop.current.abort();
    };
  }, []);

  const put = (line: number, change: (row: ImportRow) => ImportRow) => {
    if (!alive.current) return;
    setRows((before) => before.map((row) => (row.host.line === line ? change(row) : row)));
  };
  const failed =
    (cause: unknown) =>
    (row: ImportRow): ImportRow => {
      const error = asApiError(cause);
      return { ...row, state: 'failed', words: error.message, hint: error.hint };
    };

  async function look(list: readonly ImportRow[], user: string, secrets: SecretsDraft) {
    await pooled(list, AT_ONCE, async (row) => {
      if (!alive.current) return;
      const { line } = row.host;
      put(line, (now) => ({ ...now, state: 'checking', confirmed: row.confirmed, question: null }));
      try {
        const ask = () => api.checkNode(loginFor(row, user, secrets), stop.current.signal);
        const report = await patiently(ask, () => alive.current);
        put(line, (now) => afterCheck(now, report));
      } catch (cause) {
        put(line, failed(cause));
      }
    });
  }

  return {
    rows,
    async parse(text: string) {
      setRows(rowsOf((await api.parseImport(text)).hosts));
    },
    clear: () => setRows([]),
    look: (user: string, secrets: SecretsDraft) =>
      look(
        rows.filter((row) => !row.host.error && (row.state === 'idle' || row.state === 'failed')),
        user,
        secrets,
      ),
    /** The operator says that these are their keys. */
    confirm(lines: ReadonlySet<number>, user: string, secrets: SecretsDraft) {
      const list = rows.flatMap((row) =>
        row.question && lines.has(row.host.line)
          ? [{ ...row, confirmed: { ...row.confirmed, [row.question.who]: row.question.sha256 } }]
          : [],
      );
      return look(list, user, secrets);
    },
    async deploy(user: string, secrets: SecretsDraft) {
      const list = rows.filter((row) => row.state === 'ready');
      await pooled(list, AT_ONCE, async (row) => {
        const { line } = row.host;
        put(line, (now) => ({ ...now, state: 'starting' }));
        try {
          const ask = () => api.deployNew(requestFor(row, user, secrets));
          const { node, job } = await patiently(ask, () => alive.current);
          live.upsert(node);
          live.putJob(job);
          put(line, (now) => ({ ...now, state: 'started', job }));
        } catch (cause) {
          put(line, failed(cause));
        }
      });
    },
  };
}
