import ShieldAlert from 'lucide-react/icons/shield-alert';

export function SecurityBadge({ count }: { count?: number }) {
  return (
    <span className="inline-flex shrink-0 items-center gap-1 rounded-sm border border-bad/45 px-1.5 text-2xs leading-4.5 font-semibold text-bad">
      <ShieldAlert size={11} aria-hidden />
      {count === undefined ? 'Security' : `${count} security`}
    </span>
  );
}

export function QuietBadge({ children, title }: { children: string; title?: string }) {
  return (
    <span
      title={title}
      className="inline-flex shrink-0 rounded-sm border border-line-strong px-1.5 text-2xs leading-4.5 text-dim"
    >
      {children}
    </span>
  );
}
