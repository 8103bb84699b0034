import type { ButtonHTMLAttributes, Ref } from 'react';

type Look = 'primary' | 'plain' | 'quiet' | 'danger';

const LOOKS: Record<Look, string> = {
  primary: 'bg-accent text-accent-ink font-semibold hover:brightness-110 border border-transparent',
  plain: 'bg-raised text-text border border-line-strong hover:bg-hover',
  quiet: 'text-dim border border-transparent hover:bg-hover hover:text-text',
  danger:
    'border border-bad/50 text-bad font-semibold hover:bg-bad/12 disabled:border-line-strong disabled:text-faint',
};

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: Look;
  small?: boolean;
  ref?: Ref<HTMLButtonElement>;
}

export function Button({ look = 'plain', small = false, className = '', type = 'button', ...rest }: Props) {
  return (
    <button
      type={type}
      className={`inline-flex shrink-0 items-center justify-center gap-2 rounded-md whitespace-nowrap transition disabled:opacity-55 disabled:hover:brightness-100 ${
        small ? 'h-7 px-2 text-xs' : 'h-8 px-3 text-sm pointer-coarse:h-10'
      } ${LOOKS[look]} ${className}`}
      {...rest}
    />
  );
}

interface IconProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  label: string;
  ref?: Ref<HTMLButtonElement>;
}

/** A button that is only an icon: the label is its name for screen readers and its tooltip. */
export function IconButton({ label, className = '', ...rest }: IconProps) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`inline-flex size-8 shrink-0 items-center justify-center rounded-md text-dim transition hover:bg-hover hover:text-text disabled:opacity-40 pointer-coarse:size-10 ${className}`}
      {...rest}
    />
  );
}
