import LayoutGrid from 'lucide-react/icons/layout-grid';
import ListTodo from 'lucide-react/icons/list-todo';
import Plus from 'lucide-react/icons/plus';
import Rows3 from 'lucide-react/icons/rows-3';
import { lazy, Suspense, useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { readPref, writePref } from '../../lib/prefs';
import { SEARCH_STATE, useShortcuts } from '../../lib/shortcuts';
import { type FleetView, fleetViewSearch, parseFleetView } from '../../lib/url-state';
import { useAccess } from '../../lib/use-access';
import { countStates } from '../../live/fleet';
import { useFleet, useKnownNow } from '../../live/store';
import { useTitle } from '../../live/title';
import { Button, IconButton } from '../../ui/button';
import { Empty } from '../../ui/empty';
import { Waiting } from '../../ui/waiting';
import type { AddWay } from '../ssh/ways';
import { CardList } from './card-list';
import { FirstNode } from './first-node';
import { Needs } from './needs';
import { toggleTag } from './query';
import { useArrowWalk } from './roving';
import { orderOf, rowsFor } from './rows';
import { SearchField } from './search-field';
import { SelectionBar } from './selection';
import { DESCENDING_FIRST, SortChoice } from './sort-choice';
import { Strip } from './strip';
import { TableList } from './table-list';
import { countWaiting, useWaiting } from './use-waiting';

const AddNodeDialog = lazy(() => import('../ssh/add-node-dialog'));

/** Live values change every second; a list that did as well could not be read. */
const REORDER_MS = 5_000;

function nothingWords(filter: FleetView['filter']): string {
  switch (filter) {
    case 'outdated':
      return 'Every Spider is up to date';
    case 'updates':
      return 'No upgrades are waiting';
    case 'security':
      return 'No security upgrades are waiting';
    case 'reboot':
      return 'No node needs a reboot';
    default:
      return `No node is ${filter}`;
  }
}

export function FleetPage() {
  const [, navigate] = useLocation();
  const searchText = useSearch();
  const view = useMemo(() => parseFleetView(searchText), [searchText]);
  const layout = view.layout ?? (readPref('fleet-view') === 'table' ? 'table' : 'cards');
  const fleet = useDeferredValue(useFleet());
  const access = useAccess();
  const deploys = access.somewhere('deploy');
  const now = useKnownNow();
  const [adding, setAdding] = useState<AddWay | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<number> | null>(null);
  const onToggle = useCallback((id: number) => {
    setChosen((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  }, []);
  const selecting = useMemo(() => (chosen ? { chosen, onToggle } : null), [chosen, onToggle]);
  const searchField = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLDivElement>(null);

  const change = (part: Partial<FleetView>) =>
    navigate(`/${fleetViewSearch({ ...view, ...part })}`, { replace: true });
  // Stays the same function, so that cards are not drawn anew for it.
  const onTag = useCallback(
    (tag: string) => {
      const here = parseFleetView(window.location.search);
      navigate(`/${fleetViewSearch({ ...here, query: toggleTag(here.query, tag) })}`, { replace: true });
    },
    [navigate],
  );
  const setLayout = (next: 'cards' | 'table') => {
    writePref('fleet-view', next);
    change({ layout: next });
  };
  useShortcuts({
    '/': () => searchField.current?.focus(),
    ...(deploys ? { n: () => setAdding('ssh') } : {}),
  });
  useArrowWalk(
    list,
    layout === 'cards'
      ? Number(list.current?.querySelector<HTMLElement>('[data-columns]')?.dataset.columns ?? 1)
      : 1,
  );

  useEffect(() => {
    if (history.state === SEARCH_STATE) searchField.current?.focus();
  }, []);

  const total = fleet.nodes?.size ?? 0;
  const counts = useMemo(
    () => (fleet.nodes ? countStates(fleet.nodes.values(), now, fleet.version) : null),
    [fleet, now],
  );
  const { waiting, expected } = useWaiting(fleet.nodes);
  const waitingCounts = useMemo(() => waiting && countWaiting(waiting), [waiting]);
  const turn = Math.floor(now / REORDER_MS);
  const size = fleet.nodes?.size;
  // biome-ignore lint/correctness/useExhaustiveDependencies: renewed by turns, not with every reading.
  const order = useMemo(
    () => (fleet.nodes ? orderOf(fleet.nodes.values(), view.sort, view.descending, now) : []),
    [view.sort, view.descending, turn, size],
  );
  const rows = useMemo(
    () => (fleet.nodes ? rowsFor(fleet.nodes, order, view, now, fleet.version, waiting) : []),
    [fleet, order, view, now, waiting],
  );
  useTitle();

  return (
    <div className="mx-auto max-w-720 px-3 py-4 sm:px-6 sm:py-5">
      <div className="mb-3 flex flex-wrap items-center gap-2 print:[&>:not(h1)]:hidden">
        <h1 className="mr-auto text-xl font-semibold">Fleet</h1>
        <SearchField
          field={searchField}
          query={view.query}
          found={fleet.nodes && view.query ? rows.length : null}
          total={total}
          onQuery={(query) => change({ query })}
          onEnter={() => {
            // What is on the page may be a moment behind what was typed.
            const hits = fleet.nodes ? rowsFor(fleet.nodes, order, view, now, fleet.version, waiting) : [];
            if (hits.length === 1) navigate(`/nodes/${hits[0]!.node.id}`);
            else list.current?.querySelector<HTMLElement>('[data-roving]')?.focus();
          }}
        />
        {layout === 'cards' && total > 1 && (
          <SortChoice
            sort={view.sort}
            descending={view.descending}
            onSort={(sort, descending) => change({ sort, descending })}
          />
        )}
        <fieldset className="flex rounded-md border border-line-strong p-px">
          <legend className="sr-only">View</legend>
          {(['cards', 'table'] as const).map((choice) => {
            const Icon = choice === 'cards' ? LayoutGrid : Rows3;
            const label = choice === 'cards' ? 'Cards' : 'Table';
            return (
              <button
                key={choice}
                type="button"
                aria-pressed={layout === choice}
                aria-label={label}
                title={label}
                data-testid={`view-${choice}`}
                onClick={() => setLayout(choice)}
                className={`grid h-7 w-8 place-items-center rounded-[5px] transition pointer-coarse:h-9 pointer-coarse:w-10 ${
                  layout === choice ? 'bg-hover text-text' : 'text-faint hover:text-text'
                }`}
              >
                <Icon size={15} aria-hidden />
              </button>
            );
          })}
        </fieldset>
        {total > 0 && deploys && (
          <IconButton
            label={chosen ? 'Stop choosing nodes' : 'Choose nodes'}
            data-testid="select"
            aria-pressed={chosen !== null}
            onClick={() => setChosen(chosen ? null : new Set())}
            className={chosen ? 'bg-hover text-text' : ''}
          >
            <ListTodo size={16} aria-hidden />
          </IconButton>
        )}
        {deploys && (
          <Button look="primary" data-testid="add-node" onClick={() => setAdding('ssh')}>
            <Plus size={15} strokeWidth={2.5} aria-hidden />
            Add node
          </Button>
        )}
      </div>

      {counts && total > 0 && (
        <div className="mb-3">
          <Strip
            counts={counts}
            waiting={expected ? waitingCounts : undefined}
            filter={view.filter}
            onFilter={(filter) => change({ filter })}
          />
          <Needs
            counts={counts}
            version={fleet.version}
            filter={view.filter}
            onFilter={(filter) => change({ filter })}
          />
        </div>
      )}

      <div ref={list}>
        {!fleet.nodes ? (
          <Waiting what="the fleet" />
        ) : total === 0 ? (
          <FirstNode who={access.who} onAdd={setAdding} />
        ) : rows.length === 0 ? (
          <Empty
            title={view.query ? 'Nothing matches' : nothingWords(view.filter)}
            line="Can you hear me, Major Tom?"
          >
            <Button onClick={() => change({ query: '', filter: 'all' })}>Show all nodes</Button>
          </Empty>
        ) : layout === 'cards' ? (
          <CardList rows={rows} now={now} skewMs={fleet.skewMs} selecting={selecting} onTag={onTag} />
        ) : (
          <TableList
            rows={rows}
            now={now}
            skewMs={fleet.skewMs}
            selecting={selecting}
            onTag={onTag}
            view={view}
            onSort={(sort) =>
              change(
                sort === view.sort
                  ? { descending: !view.descending }
                  : { sort, descending: DESCENDING_FIRST.has(sort) },
              )
            }
          />
        )}
      </div>
      {chosen && (
        <SelectionBar chosen={chosen} rows={rows} onChoose={setChosen} onClose={() => setChosen(null)} />
      )}
      <Suspense>{adding && <AddNodeDialog way={adding} onClose={() => setAdding(null)} />}</Suspense>
    </div>
  );
}
