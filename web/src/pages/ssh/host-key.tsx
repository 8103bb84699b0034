import Fingerprint from 'lucide-react/icons/fingerprint-pattern';
import ShieldAlert from 'lucide-react/icons/shield-alert';
import { displayName } from '../../lib/names';
import { Button } from '../../ui/button';
import { type KeyQuestion, keyFile } from './check-words';

interface Props {
  question: KeyQuestion;
  busy: boolean;
  onConfirm(): void;
}

/** First contact: the fingerprint, and how to compare it. Nothing secret was sent so far. */
export function ConfirmKey({ question, busy, onConfirm }: Props) {
  return (
    <div className="grid gap-3 rounded-lg border border-line-strong bg-ink p-4" data-testid="host-key">
      <div className="flex items-start gap-3">
        <Fingerprint size={20} aria-hidden className="mt-0.5 shrink-0 text-s1" />
        <div className="grid min-w-0 gap-1">
          <p className="text-sm font-semibold">
            {question.who === 'jump' ? 'Is this the key of the jump host?' : 'Is this the key of the host?'}
          </p>
          <p className="text-sm text-dim">
            It was never seen before. No password or key was sent to it yet, and none will be before you say
            yes.
          </p>
        </div>
      </div>
      <KeyText type={question.type} sha256={question.sha256} />
      <p className="text-xs text-faint">
        To be sure, compare it with what the host itself says:{' '}
        <code className="font-mono text-dim wrap-anywhere">ssh-keygen -lf {keyFile(question.type)}</code>
      </p>
      <div className="flex justify-end">
        <Button look="primary" data-testid="confirm-host-key" disabled={busy} onClick={onConfirm}>
          {busy ? 'Looking on…' : 'Yes, this is its key'}
        </Button>
      </div>
    </div>
  );
}

/** Not the key that was confirmed: somebody may be in between. */
export function ChangedKey({ question, before }: { question: KeyQuestion; before: string | null }) {
  return (
    <div
      role="alert"
      className="grid gap-3 rounded-lg border border-bad/50 bg-bad/8 p-4"
      data-testid="changed-key"
    >
      <div className="flex items-start gap-3">
        <ShieldAlert size={20} aria-hidden className="mt-0.5 shrink-0 text-bad" />
        <div className="grid gap-1">
          <p className="text-sm font-semibold">
            The host key of the {question.who === 'jump' ? 'jump host' : 'host'} has changed
          </p>
          <p className="text-sm text-dim">
            Either the machine was installed anew, or somebody answers in its place. Nothing was sent to it.
          </p>
        </div>
      </div>
      {before && (
        <div className="grid gap-1">
          <span className="text-xs text-dim">Confirmed before</span>
          <code className="font-mono text-xs text-dim wrap-anywhere">{before}</code>
        </div>
      )}
      <div className="grid gap-1">
        <span className="text-xs text-dim">What answers now</span>
        <KeyText type={question.type} sha256={question.sha256} />
      </div>
    </div>
  );
}

/** The type is not known of a key that was accepted by its fingerprint alone. */
export function KeyText({ type, sha256 }: { type: string | null; sha256: string }) {
  return (
    <code className="grid gap-0.5 font-mono text-sm" data-testid="fingerprint">
      {type && <span className="text-xs text-dim">{displayName(type, 60)}</span>}
      <span className="wrap-anywhere select-all">{displayName(sha256, 120)}</span>
    </code>
  );
}
