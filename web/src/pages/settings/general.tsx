import { type ReactNode, useState } from 'react';
import { useSession } from '../../api/session';
import { type NetUnit, setNetUnit, useNetUnit } from '../../lib/net-unit';
import { setTheme, type ThemeChoice, useThemeChoice } from '../../lib/theme';
import { useAccess } from '../../lib/use-access';
import { useFleet } from '../../live/store';
import { Bolt } from '../../ui/brand';
import { Segmented } from '../../ui/segmented';
import { SecondFactors } from '../factors/second-factors';
import { PasswordForm } from '../login/password-form';
import { HistoryHeld } from './history-held';
import { You } from './you';

function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="panel grid gap-4 p-5 sm:grid-cols-[10rem_1fr]">
      <h2 className="text-sm font-semibold">{title}</h2>
      <div className="min-w-0">{children}</div>
    </section>
  );
}

const THEMES: readonly { id: ThemeChoice; label: string }[] = [
  { id: 'system', label: 'As the system' },
  { id: 'dark', label: 'Dark' },
  { id: 'light', label: 'Light' },
];

const KEYS: readonly [string, string][] = [
  ['/', 'Search the fleet'],
  ['g f', 'To the fleet'],
  ['g p', 'To the packages'],
  ['g j', 'To the jobs'],
  ['g e', 'To the events'],
  ['g s', 'To the settings'],
  ['n', 'Add a node, on the fleet page'],
  ['↑ ↓ Enter', 'Walk through the nodes and open one'],
  ['Esc', 'Close a dialog, leave a zoom'],
];

const UNITS = [
  { id: 'bytes', label: 'bytes' },
  { id: 'bits', label: 'bits' },
] as const;

/** What is of this account, this browser, and of Ground Control in general. */
export function General() {
  const session = useSession();
  const theme = useThemeChoice();
  const unit = useNetUnit();
  const { everywhere } = useAccess();
  const { version } = useFleet();
  const [changed, setChanged] = useState(false);
  const user = session.phase === 'in' ? session.session.username : '';

  return (
    <div className="grid max-w-190 grid-cols-1 gap-3">
      <Section title="Account">
        <You />
      </Section>
      <Section title="Password">
        <div className="max-w-88">
          <p className="mb-4 text-sm text-dim">Changing it signs you out everywhere else.</p>
          <PasswordForm user={user} submitLabel="Change the password" onDone={() => setChanged(true)} />
          <p role="status" className="text-sm text-dim not-empty:mt-3">
            {changed ? 'Changed. All other sessions have ended.' : ''}
          </p>
        </div>
      </Section>
      <Section title="Second factor">
        <SecondFactors />
      </Section>
      <Section title="Appearance">
        <div className="flex flex-wrap items-center gap-x-6 gap-y-3">
          <Segmented legend="Theme" choices={THEMES} value={theme} testId="theme" onChange={setTheme} />
          <div className="flex items-center gap-3">
            <span className="text-sm text-dim">Networks in</span>
            <Segmented<NetUnit>
              legend="Unit of networks"
              choices={UNITS}
              value={unit}
              testId="net-unit"
              onChange={setNetUnit}
            />
          </div>
        </div>
      </Section>
      {everywhere('view') && (
        <Section title="History">
          <HistoryHeld />
        </Section>
      )}
      <Section title="Keys">
        <dl className="grid grid-cols-[6.5rem_1fr] gap-y-1.5 text-sm">
          {KEYS.map(([keys, what]) => (
            <div key={keys} className="contents">
              <dt>
                <kbd className="rounded-sm border border-line-strong px-1.5 font-sans text-xs text-dim">
                  {keys}
                </kbd>
              </dt>
              <dd className="text-dim">{what}</dd>
            </div>
          ))}
        </dl>
      </Section>
      <Section title="About">
        <div className="flex items-start gap-4">
          <Bolt size={36} />
          <div>
            <p className="text-sm font-semibold" data-testid="about-version">
              Stardust {version}
            </p>
            <p className="text-sm text-dim">
              Ground Control keeps the watch, the Spiders weave, the Capsule shows it.
            </p>
            <p className="mt-2 text-sm text-faint italic">
              And the papers want to know whose shirts you wear.
            </p>
          </div>
        </div>
      </Section>
    </div>
  );
}
