import History from 'lucide-react/icons/history';
import LayoutGrid from 'lucide-react/icons/layout-grid';
import ListChecks from 'lucide-react/icons/list-checks';
import Package from 'lucide-react/icons/package';
import Settings from 'lucide-react/icons/settings';
import type { CSSProperties, ReactNode } from 'react';
import { Link, useLocation } from 'wouter';
import { SEARCH_STATE, useShortcuts } from '../lib/shortcuts';
import { countStates } from '../live/fleet';
import { activeJobs } from '../live/jobs';
import { useConnection, useFleet, useJobs, useKnownNow, useNow } from '../live/store';
import { useUnseen } from '../live/unseen';
import { AccessChanged } from './access-changed';
import { Alarms } from './alarms';
import { Bolt } from './brand';
import { ConnectionBar } from './connection-bar';
import { Toasts } from './toasts';

const PLACES = [
  {
    to: '/',
    label: 'Fleet',
    icon: LayoutGrid,
    here: (path: string) => path === '/' || path.startsWith('/nodes'),
  },
  {
    to: '/packages',
    label: 'Packages',
    icon: Package,
    here: (path: string) => path.startsWith('/packages'),
  },
  {
    to: '/jobs',
    label: 'Jobs',
    icon: ListChecks,
    here: (path: string) => path.startsWith('/jobs'),
  },
  {
    to: '/events',
    label: 'Events',
    icon: History,
    here: (path: string) => path.startsWith('/events'),
  },
  {
    to: '/settings',
    label: 'Settings',
    icon: Settings,
    here: (path: string) => path.startsWith('/settings'),
  },
] as const;

/** Data that can't be renewed fade with their age, and stay readable. */
function fadedBy(ageMs: number): number {
  return Math.max(0.6, 0.9 - ageMs / 200_000);
}

function Badge({ number, what, tone }: { number: number; what: string; tone: string }) {
  return (
    <span
      className={`absolute top-1 left-1/2 ml-2.5 grid h-4 min-w-4 place-items-center rounded-full px-1 text-[10px] leading-none font-semibold ${tone}`}
    >
      {number > 99 ? '99+' : number}
      <span className="sr-only"> {what}</span>
    </span>
  );
}

/** Rail on wide screens, bottom bar on phones; the page between; the connection's state above all. */
export function Shell({ children }: { children: ReactNode }) {
  const [path, navigate] = useLocation();
  const { lostAt } = useConnection();
  const { nodes } = useFleet();
  const now = useKnownNow(5_000);
  useNow(lostAt === null ? 60_000 : 1_000);
  const counts = nodes ? countStates(nodes.values(), now) : null;
  const troubled = counts ? counts.offline + counts.stale : 0;
  const working = activeJobs(useJobs()).length;
  const failed = useUnseen().size;
  useShortcuts({
    'g f': () => navigate('/'),
    'g p': () => navigate('/packages'),
    'g j': () => navigate('/jobs'),
    'g e': () => navigate('/events'),
    'g s': () => navigate('/settings'),
    // On the fleet page itself the search field listens.
    ...(path === '/' ? {} : { '/': () => navigate('/', { state: SEARCH_STATE }) }),
  });
  return (
    <div
      className="min-h-dvh md:pl-18 print:pl-0"
      // What sticks to the top stays below the bar of a lost connection.
      style={{ '--bar': lostAt === null ? '0px' : '2rem' } as CSSProperties}
    >
      <a
        href="#page"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-50 focus:rounded-md focus:bg-raised focus:px-3 focus:py-2"
      >
        Skip to the page
      </a>
      <nav
        aria-label="Main"
        className="fixed z-30 flex border-line bg-panel max-md:inset-x-0 max-md:bottom-0 max-md:border-t max-md:pb-[env(safe-area-inset-bottom)] md:inset-y-0 md:left-0 md:w-18 md:flex-col md:items-stretch md:gap-1 md:border-r md:px-2 md:py-3"
      >
        <Link
          href="/"
          aria-label="Stardust: to the fleet"
          className="mb-4 grid place-items-center rounded-md py-1 max-md:hidden"
        >
          <Bolt size={30} />
        </Link>
        {PLACES.map((place) => {
          const here = place.here(path);
          const Icon = place.icon;
          return (
            <Link
              key={place.to}
              href={place.to}
              aria-current={here ? 'page' : undefined}
              className={`relative flex flex-1 flex-col items-center gap-1 rounded-md py-2 text-2xs transition md:flex-none ${
                here ? 'text-text md:bg-hover' : 'text-faint hover:text-text'
              }`}
            >
              <Icon size={18} strokeWidth={here ? 2 : 1.75} aria-hidden />
              {place.label}
              {place.to === '/' && troubled > 0 && (
                <Badge number={troubled} what="in trouble" tone="bg-bad text-ink" />
              )}
              {place.to === '/jobs' && failed > 0 && (
                <Badge number={failed} what="failed" tone="bg-bad text-ink" />
              )}
              {place.to === '/jobs' && failed === 0 && working > 0 && (
                <Badge number={working} what="under way" tone="bg-line-strong text-text" />
              )}
            </Link>
          );
        })}
      </nav>
      <ConnectionBar />
      <AccessChanged />
      <Alarms />
      <main
        id="page"
        tabIndex={-1}
        // Without data there is nothing that could be old.
        style={{ opacity: lostAt === null || !nodes ? 1 : fadedBy(Date.now() - lostAt) }}
        className="outline-none transition-opacity max-md:pb-20"
      >
        {children}
      </main>
      <Toasts />
    </div>
  );
}
