/** The bolt of the house: in Ziggy's orange-red, with a stroke of blue across. */
export function Bolt({ size = 28 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className="shrink-0">
      <path d="M20 2 6 18h7.5L10.6 30 26 13h-8z" fill="var(--accent)" />
      <path d="m13.6 14.6 3-3.5M15.3 20.6l3-3.4" stroke="var(--s1)" strokeWidth="1.8" strokeLinecap="round" />
    </svg>
  );
}
