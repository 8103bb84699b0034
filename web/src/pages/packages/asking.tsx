import { type FormEvent, type ReactNode, useCallback, useRef, useState } from 'react';
import { ApiError, asApiError } from '../../api/client';
import type { Secrets } from '../../api/ssh';
import { displayName } from '../../lib/names';
import { Dialog } from '../../ui/dialog';
import { FormEnd } from '../../ui/form-end';
import { Problem } from '../../ui/problem';
import { NO_SECRETS, SecretsFields, secretsOf } from '../ssh/secrets';

/** Asks a node something over SSH. */
export type Ask = <T>(load: (secrets: Secrets) => Promise<T>) => Promise<T>;

interface Pending {
  /** Asks with these; what fails is for whoever typed them. */
  run(secrets: Secrets): Promise<void>;
  leave(): void;
}

/** Answers that say nothing against the credentials that were given. */
const NOT_THEIRS = new Set(['not_found', 'busy', 'unreachable']);

/**
 * Questions to a node whose credentials may not be kept: then they are asked for once, and are good until
 * the component goes. They are tried by the question itself, so that wrong ones can be mended where they stand.
 */
export function useAsking(name: string): {
  ask: Ask;
  given(): Secrets;
  keep(secrets: Secrets): void;
  dialog: ReactNode;
} {
  const held = useRef<Secrets>({});
  const open = useRef<Pending | null>(null);
  const [pending, setPending] = useState<Pending | null>(null);
  const show = useCallback((next: Pending | null) => {
    open.current = next;
    setPending(next);
  }, []);

  const ask: Ask = useCallback(
    async (load) => {
      try {
        return await load(held.current);
      } catch (cause) {
        if (!(cause instanceof ApiError)) throw cause;
        // Whatever may be wrong with them is asked for anew by the next try.
        if (!NOT_THEIRS.has(cause.kind)) held.current = {};
        if (cause.kind !== 'credentials_needed') throw cause;
        open.current?.leave();
        return await new Promise((resolve, reject) =>
          show({
            async run(secrets) {
              const answer = await load(secrets);
              held.current = secrets;
              show(null);
              resolve(answer);
            },
            leave() {
              show(null);
              reject(cause);
            },
          }),
        );
      }
    },
    [show],
  );
  const given = useCallback(() => held.current, []);
  const keep = useCallback((secrets: Secrets) => {
    held.current = secrets;
  }, []);
  return { ask, given, keep, dialog: pending && <AskDialog name={name} pending={pending} /> };
}

function AskDialog({ name, pending }: { name: string; pending: Pending }) {
  const [draft, setDraft] = useState(NO_SECRETS);
  const [error, setError] = useState<ApiError | null>(null);
  const [busy, setBusy] = useState(false);
  const secrets = secretsOf(draft);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (secrets === null || busy) return;
    setBusy(true);
    setError(null);
    try {
      await pending.run(secrets);
    } catch (cause) {
      setError(asApiError(cause));
      setBusy(false);
    }
  }

  return (
    <Dialog title={`Log in: ${displayName(name, 40)}`} onClose={pending.leave} sticky>
      <form onSubmit={submit} className="grid gap-4" autoComplete="off" data-testid="ask-login">
        <SecretsFields draft={draft} onChange={setDraft}>
          The credentials of this node are not kept. These are used while you stay on its packages, for what
          you ask there and the jobs that you start, and not kept either.
        </SecretsFields>
        {error && <Problem error={error} />}
        <FormEnd
          label={busy ? 'Asking the machine…' : 'Log in'}
          testId="ask-submit"
          disabled={secrets === null || busy}
          onLeave={pending.leave}
        />
      </form>
    </Dialog>
  );
}
