import X from 'lucide-react/icons/x';
import { putChangeAway, useSession } from '../api/session';
import { grantWords } from '../lib/access';
import { displayName } from '../lib/names';
import { IconButton } from './button';

/** Somebody has changed what may be seen and done here, while the page was open. */
export function AccessChanged() {
  const state = useSession();
  if (state.phase !== 'in' || !state.changed) return null;
  const { grants } = state.session;
  return (
    <section
      role="status"
      data-testid="access-changed"
      className="flex items-start gap-4 border-b border-line bg-panel py-2 pr-2 pl-4 text-sm"
    >
      <div className="min-w-0 flex-1">
        <p className="font-semibold">What you may see and do here has changed</p>
        <p className="text-dim wrap-anywhere">
          {grants.length === 0
            ? 'You may see nothing at present.'
            : displayName(`You are now ${grants.map(grantWords).join('; ')}.`, 400)}
        </p>
      </div>
      <IconButton label="Put away" onClick={putChangeAway}>
        <X size={16} aria-hidden />
      </IconButton>
    </section>
  );
}
