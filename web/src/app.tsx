import { lazy, Suspense, useEffect } from 'react';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import { useProofAsked } from './api/proof';
import { checkSession, useSession } from './api/session';
import { sameAs } from './lib/access';
import { safeNext } from './lib/url-state';
import { FleetPage } from './pages/fleet/fleet-page';
import { LoginPage } from './pages/login/login-page';
import { PasswordPage } from './pages/login/password-page';
import { Bolt } from './ui/brand';
import { Button } from './ui/button';
import { Empty } from './ui/empty';
import { ErrorBoundary } from './ui/error-boundary';
import { Problem } from './ui/problem';
import { Shell } from './ui/shell';

// The node page brings the charts: fetched when first needed, or while the fleet is being looked at.
const loadNodePage = () => import('./pages/node/node-page');
const NodePage = lazy(loadNodePage);
const PackagesPage = lazy(() => import('./pages/packages/packages-page'));
const EventsPage = lazy(() => import('./pages/events/events-page'));
const JobsPage = lazy(() => import('./pages/jobs/jobs-page'));
const JobPage = lazy(() => import('./pages/jobs/job-page'));
const EnrolPage = lazy(() => import('./pages/factors/enrol-page'));
const ProofDialog = lazy(() => import('./ui/proof-dialog'));
const SettingsPage = lazy(() => import('./pages/settings/settings-page'));

/** To the login page, with the way back in the address. */
function ToLogin() {
  const here = `${location.pathname}${location.search}`;
  const next = safeNext(here);
  return <Redirect replace to={next === '/' ? '/login' : `/login?next=${encodeURIComponent(next)}`} />;
}

function FromLogin() {
  return <Redirect replace to={safeNext(new URLSearchParams(location.search).get('next'))} />;
}

function NotFound() {
  const [, navigate] = useLocation();
  return (
    <Empty line="Planet Earth is blue, and there’s nothing here." title="No such page">
      <Button onClick={() => navigate('/')}>To the fleet</Button>
    </Empty>
  );
}

function SignedIn() {
  useEffect(() => {
    const timer = setTimeout(() => void loadNodePage().catch(() => {}), 1_500);
    return () => clearTimeout(timer);
  }, []);
  return (
    <Shell>
      <ErrorBoundary>
        <Suspense fallback={<p className="late p-6 text-dim">Loading…</p>}>
          <Switch>
            <Route path="/">
              <FleetPage />
            </Route>
            <Route path="/nodes/:id/:tab?">
              {(params) => <NodePage key={params.id} id={Number.parseInt(params.id, 10)} tab={params.tab} />}
            </Route>
            <Route path="/packages">
              <PackagesPage />
            </Route>
            <Route path="/jobs">
              <JobsPage />
            </Route>
            <Route path="/jobs/:id">
              {(params) => <JobPage key={params.id} id={Number.parseInt(params.id, 10)} />}
            </Route>
            <Route path="/events">
              <EventsPage />
            </Route>
            <Route path="/settings/:tab?">{(params) => <SettingsPage tab={params.tab} />}</Route>
            <Route path="/login">
              <FromLogin />
            </Route>
            <Route>
              <NotFound />
            </Route>
          </Switch>
        </Suspense>
      </ErrorBoundary>
    </Shell>
  );
}

export function App() {
  const session = useSession();
  const proving = useProofAsked();
  const [path] = useLocation();
  switch (session.phase) {
    case 'checking':
      return (
        <div className="late grid min-h-dvh place-items-center" aria-busy>
          <Bolt size={40} />
        </div>
      );
    case 'failed':
      return (
        <main className="grid min-h-dvh place-items-center p-4">
          <div className="w-full max-w-100">
            <Problem error={session.error} onRetry={() => void checkSession()} />
          </div>
        </main>
      );
    case 'out':
      return path === '/login' ? <LoginPage /> : <ToLogin />;
    case 'in':
      if (session.session.must_change_password) return <PasswordPage />;
      return (
        <>
          {session.session.must_enrol ? (
            <Suspense>
              <EnrolPage />
            </Suspense>
          ) : (
            // Who may see something else sees a new page: nothing of the old one stays.
            <SignedIn key={sameAs(session.session)} />
          )}
          <Suspense>{proving && <ProofDialog />}</Suspense>
        </>
      );
  }
}
