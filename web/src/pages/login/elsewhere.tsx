import LogIn from 'lucide-react/icons/log-in';

const WHY: Record<string, string> = {
  forbidden: 'You are known there, and may do nothing here: none of your groups brings a role.',
  unauthenticated: 'That sign-in was begun somewhere else, or too long ago.',
  node: 'The place where you sign in did not do its part. Whoever runs Ground Control finds why in its log.',
};

/** Why a sign-in elsewhere has led back to here, by the address or by where it wanted to go. */
export function whyBack(search: string): string | null {
  const here = new URLSearchParams(search);
  const next = here.get('next')?.split('?')[1];
  const kind = here.get('sign_in') ?? new URLSearchParams(next).get('sign_in');
  return kind === null ? null : (WHY[kind] ?? 'That sign-in did not work. Try again.');
}

/** Leads to the issuer, and back to where somebody was. */
export function Elsewhere({ label, next }: { label: string; next: string }) {
  return (
    <a
      className="inline-flex h-9 min-w-0 items-center justify-center gap-2 rounded-md border border-line-strong bg-raised px-3 text-sm text-text transition hover:bg-hover"
      data-testid="login-elsewhere"
      href={`/api/auth/oidc/start?back_to=${encodeURIComponent(next)}`}
    >
      <LogIn size={15} aria-hidden />
      <span className="truncate">Sign in with {label}</span>
    </a>
  );
}
