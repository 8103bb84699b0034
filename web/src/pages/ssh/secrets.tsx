import type { ReactNode } from 'react';
import type { Secrets } from '../../api/ssh';
import { AuthFields, SudoField } from './auth-fields';
import { type AuthDraft, authObjection, authOf, EMPTY_LOGIN } from './draft';

export interface SecretsDraft {
  auth: AuthDraft;
  sudo: string;
}

export const NO_SECRETS: SecretsDraft = { auth: EMPTY_LOGIN.auth, sudo: '' };

/** What a job needs when the node's secrets were forgotten. Null: not complete yet. */
export function secretsOf(draft: SecretsDraft): Secrets | null {
  if (authObjection(draft.auth)) return null;
  return { auth: authOf(draft.auth), ...(draft.sudo === '' ? {} : { sudo_password: draft.sudo }) };
}

interface Props {
  draft: SecretsDraft;
  onChange(draft: SecretsDraft): void;
  /** What they are used for, if not for one job. */
  children?: ReactNode;
}

/** Asked for again, for this once. */
export function SecretsFields({ draft, onChange, children }: Props) {
  return (
    <div className="grid gap-3 rounded-md border border-line-strong p-3" data-testid="secrets">
      <p className="text-sm text-dim">
        {children ?? 'The credentials of this node were forgotten. They are used for this job, and not kept.'}
      </p>
      <AuthFields auth={draft.auth} testId="secret" onChange={(auth) => onChange({ ...draft, auth })} />
      <SudoField value={draft.sudo} testId="secret" onChange={(sudo) => onChange({ ...draft, sudo })} />
    </div>
  );
}
