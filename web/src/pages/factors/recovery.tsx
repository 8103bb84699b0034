import Download from 'lucide-react/icons/download';
import { useSession } from '../../api/session';
import { recoveryFile } from '../../lib/codes';
import { Button } from '../../ui/button';
import { CopyButton } from '../../ui/copy';

function save(text: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  link.download = 'stardust-recovery-codes.txt';
  link.click();
  // The browser has begun by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Shown once; without them a lost phone is a lost account. */
export function RecoveryCodes({ codes, onDone }: { codes: readonly string[]; onDone(): void }) {
  const session = useSession();
  const username = session.phase === 'in' ? session.session.username : '';
  return (
    <div className="grid grid-cols-1 gap-4">
      <p className="text-sm text-dim">
        <strong className="text-text">Keep these where you keep what must not get lost.</strong> Each is good
        once, in place of a code, when the phone or the key is not at hand. They are shown only now; those of
        before are good no more.
      </p>
      <ul
        data-testid="recovery-codes"
        className="grid grid-cols-2 gap-x-6 gap-y-1 rounded-md border border-line-strong bg-ink p-3 font-mono text-sm max-[22rem]:grid-cols-1"
      >
        {codes.map((code) => (
          <li key={code} className="wrap-anywhere select-all">
            {code}
          </li>
        ))}
      </ul>
      <div className="flex flex-wrap items-center justify-end gap-2">
        <CopyButton text={codes.join('\n')} label="Copy all" />
        <Button
          small
          data-testid="recovery-save"
          onClick={() => save(recoveryFile(codes, username, location.host))}
        >
          <Download size={14} aria-hidden />
          Download
        </Button>
        <Button look="primary" data-testid="recovery-done" onClick={onDone}>
          I have kept them
        </Button>
      </div>
    </div>
  );
}
