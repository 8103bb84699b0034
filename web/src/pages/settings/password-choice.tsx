import { Field } from '../../ui/field';
import { Segmented } from '../../ui/segmented';
import { passwordObjection } from '../login/password-form';
import { Choice } from '../ssh/choice';
import { oneTimePassword } from './one-time';

export interface PasswordDraft {
  kind: 'made' | 'typed';
  /** Made up here, for one login. */
  made: string;
  typed: string;
  mustChange: boolean;
}

export function newPassword(): PasswordDraft {
  return { kind: 'made', made: oneTimePassword(), typed: '', mustChange: true };
}

/** What is sent. */
export function passwordOf(draft: PasswordDraft): { password: string; must_change_password: boolean } {
  return draft.kind === 'made'
    ? { password: draft.made, must_change_password: true }
    : { password: draft.typed, must_change_password: draft.mustChange };
}

export function passwordWrong(draft: PasswordDraft, username: string): string | null {
  return draft.kind === 'made' ? null : passwordObjection(draft.typed, username);
}

interface Props {
  draft: PasswordDraft;
  /** Shown once somebody has tried to go on. */
  wrong: string | null;
  onChange(draft: PasswordDraft): void;
}

const KINDS = [
  { id: 'made', label: 'For one login' },
  { id: 'typed', label: 'Type one' },
] as const;

/** A password made up here, or one that is typed. */
export function PasswordChoice({ draft, wrong, onChange }: Props) {
  return (
    <div className="grid gap-3">
      <div className="grid gap-1">
        <span className="text-sm text-dim">Password</span>
        <Segmented
          legend="Password"
          testId="password-kind"
          choices={KINDS}
          value={draft.kind}
          onChange={(kind) => onChange({ ...draft, kind })}
        />
        {draft.kind === 'made' && (
          <span className="text-xs text-faint">
            It is made up here and shown next, once. At the first login they choose their own.
          </span>
        )}
      </div>
      {draft.kind === 'typed' && (
        <>
          <Field label="The password" note={wrong ? undefined : 'At least 10 characters.'}>
            <input
              className="field"
              data-testid="typed-password"
              type="password"
              autoComplete="new-password"
              aria-invalid={wrong !== null}
              value={draft.typed}
              onChange={(event) => onChange({ ...draft, typed: event.target.value })}
            />
            {wrong && <span className="text-xs text-bad">{wrong}</span>}
          </Field>
          <Choice
            checked={draft.mustChange}
            onChange={(mustChange) => onChange({ ...draft, mustChange })}
            label="They have to choose another one at the next login"
            note="Else you both know it."
          />
        </>
      )}
    </div>
  );
}
