/** How far something is, when it can tell. */
export function Progress({ done, total, label }: { done: number; total: number; label: string }) {
  const share = total > 0 ? Math.max(0, Math.min(1, done / total)) : 0;
  return (
    <div className="flex items-center gap-3">
      <div
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={Math.min(done, total)}
        className="h-1.5 min-w-0 flex-1 overflow-hidden rounded-full bg-track"
      >
        <div
          className="h-full origin-left rounded-full bg-s1 transition-transform"
          style={{ transform: `scaleX(${share})` }}
        />
      </div>
      <span className="shrink-0 text-xs text-dim">
        {done} of {total}
      </span>
    </div>
  );
}
