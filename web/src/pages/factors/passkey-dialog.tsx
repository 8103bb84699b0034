import { type FormEvent, useState } from 'react';
import type { ApiError } from '../../api/client';
import { factors } from '../../api/factors';
import { makePasskey, passkeyProblem } from '../../lib/webauthn';
import { Dialog } from '../../ui/dialog';
import { FormEnd } from '../../ui/form-end';
import { Problem } from '../../ui/problem';
import { TextField } from '../../ui/text-field';

/** A name, then what the browser asks. */
export function PasskeyDialog({ onAdded, onClose }: { onAdded?: () => void; onClose(): void }) {
  const [name, setName] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);
  async function submit(event: FormEvent) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setError(null);
    try {
      await factors.addPasskey({ name: name.trim(), ...(await makePasskey(await factors.askNewPasskey())) });
      onAdded?.();
      onClose();
    } catch (cause) {
      setError(passkeyProblem(cause));
      setBusy(false);
    }
  }
  return (
    <Dialog title="Add a passkey" onClose={onClose} sticky={busy}>
      <form onSubmit={submit} className="grid gap-4">
        <p className="text-sm text-dim">
          The browser asks for this device’s fingerprint or PIN, or for a security key. From then on a passkey
          is asked for at the login, or signs you in by itself.
        </p>
        <TextField
          label="Name"
          note="Which device it is, so that you know it again."
          testId="passkey-name"
          required
          maxLength={64}
          placeholder="laptop"
          value={name}
          onChange={setName}
        />
        {error && <Problem error={error} />}
        <FormEnd
          label={busy ? 'Asking…' : 'Go on'}
          testId="passkey-submit"
          disabled={busy || name.trim() === ''}
          onLeave={onClose}
        />
      </form>
    </Dialog>
  );
}
