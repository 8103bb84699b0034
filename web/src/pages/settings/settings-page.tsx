import { useEffect } from 'react';
import { useLocation } from 'wouter';
import { reasonOf } from '../../lib/access';
import { useAccess } from '../../lib/use-access';
import { useTitle } from '../../live/title';
import { Button } from '../../ui/button';
import { Empty } from '../../ui/empty';
import { TabLinks } from '../../ui/tabs';
import { Audit } from './audit';
import { General } from './general';
import { Groups } from './groups';
import { Sessions } from './sessions';
import { Tokens } from './tokens';
import { Users } from './users';

const TABS = [
  { id: 'general', label: 'General', shows: General, admins: false },
  { id: 'sessions', label: 'Sessions', shows: Sessions, admins: false },
  { id: 'tokens', label: 'Tokens', shows: Tokens, admins: false },
  { id: 'users', label: 'Users', shows: Users, admins: true },
  { id: 'groups', label: 'Groups', shows: Groups, admins: true },
  { id: 'audit', label: 'Audit', shows: Audit, admins: true },
] as const;

/** `tab`: from the address, anything. */
export default function SettingsPage({ tab }: { tab: string | undefined }) {
  const [, navigate] = useLocation();
  const { everywhere } = useAccess();
  const all = everywhere('administer');
  const here = TABS.find((one) => one.id === (tab ?? 'general')) ?? null;
  useTitle(here && here.id !== 'general' ? `${here.label}, Settings` : 'Settings');
  useEffect(() => {
    if (here === null) navigate('/settings', { replace: true });
  }, [here, navigate]);
  if (here === null) return null;
  const Shown = here.shows;
  return (
    <div className="mx-auto grid max-w-280 grid-cols-1 gap-4 px-3 py-4 sm:px-6 sm:py-5">
      <h1 className="text-xl font-semibold">Settings</h1>
      <TabLinks
        label="Parts of the settings"
        here={here.id}
        tabs={TABS.filter((one) => all || !one.admins).map((one) => ({
          id: one.id,
          label: one.label,
          to: one.id === 'general' ? '/settings' : `/settings/${one.id}`,
        }))}
      />
      {here.admins && !all ? (
        <Empty title="Not for you to see" line="And the stars look very different today.">
          <p className="max-w-110 text-sm text-dim" data-testid="not-yours">
            {reasonOf('administer', 'on all nodes')} Ask an admin who is not limited to tags.
          </p>
          <Button onClick={() => navigate('/settings')}>To your settings</Button>
        </Empty>
      ) : (
        <Shown />
      )}
    </div>
  );
}
