import { useEffect, useRef } from 'react';
import { Link } from 'wouter';

interface Tab {
  id: string;
  label: string;
  to: string;
  /** A number worth knowing before the tab is opened. */
  count?: number;
  tone?: string;
}

/** Parts of a page that have addresses of their own. */
export function TabLinks({ label, tabs, here }: { label: string; tabs: readonly Tab[]; here: string }) {
  const bar = useRef<HTMLElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: on narrow screens the one that is open may be out of sight.
  useEffect(() => {
    const open = bar.current?.querySelector<HTMLElement>('[aria-current]');
    if (bar.current && open) bar.current.scrollLeft = open.offsetLeft - bar.current.offsetLeft - 48;
  }, [here]);
  return (
    <nav
      ref={bar}
      aria-label={label}
      className="flex gap-1 overflow-x-auto max-sm:gap-0 border-b border-line"
    >
      {tabs.map((tab) => (
        <Link
          key={tab.id}
          href={tab.to}
          aria-current={tab.id === here ? 'page' : undefined}
          data-testid={`tab-${tab.id}`}
          className={`-mb-px flex h-9 items-center gap-2 border-b-2 px-3 text-sm max-sm:px-2 whitespace-nowrap transition pointer-coarse:h-11 ${
            tab.id === here ? 'border-accent font-semibold' : 'border-transparent text-dim hover:text-text'
          }`}
        >
          {tab.label}
          {tab.count ? (
            <span className={`rounded-full bg-hover px-1.5 text-2xs ${tab.tone ?? 'text-dim'}`}>
              {tab.count}
            </span>
          ) : null}
        </Link>
      ))}
    </nav>
  );
}
