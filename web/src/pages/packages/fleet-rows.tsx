import { useState } from 'react';
import { Link } from 'wouter';
import type { FleetPackage, FleetPackageNode } from '../../api/packages';
import { reasonOf } from '../../lib/access';
import { displayName } from '../../lib/names';
import { age } from '../../lib/units';
import { StateIcon } from '../../ui/job-state';
import { Name } from '../../ui/name';
import { QuietBadge, SecurityBadge } from './badges';
import { Versions } from './preview-dialog';

const BOX = 'mt-0.5 shrink-0';

interface NodeProps {
  node: FleetPackageNode;
  /** By the server's clock. */
  now: number;
  /** Whoever looks may have it upgraded. */
  may: boolean;
  chosen: boolean;
  onToggle(): void;
}

export function NodeRow({ node, now, may, chosen, onToggle }: NodeProps) {
  const name = displayName(node.name, 80);
  return (
    <li
      data-node={node.node}
      className="grid grid-cols-[auto_minmax(0,1fr)_auto] items-start gap-x-3 px-4 py-2.5 transition-colors hover:bg-hover"
    >
      <input
        type="checkbox"
        className={BOX}
        aria-label={`Choose ${name}`}
        checked={chosen}
        disabled={!may || node.upgradable === 0}
        title={
          node.upgradable === 0 ? 'Nothing waits to be upgraded there' : may ? undefined : reasonOf('operate')
        }
        onChange={onToggle}
      />
      <div className="grid min-w-0 gap-0.5">
        <div className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <Link
            href={`/nodes/${node.node}/packages`}
            className="min-w-0 truncate text-sm font-medium hover:underline"
          >
            {name}
          </Link>
          {(node.security ?? 0) > 0 && <SecurityBadge count={node.security!} />}
          {node.held > 0 && <QuietBadge>{`${node.held} held`}</QuietBadge>}
          {node.reboot_required && <QuietBadge>Reboot needed</QuietBadge>}
          {node.repair > 0 && (
            <QuietBadge title="Something was left half-way; its Packages tab offers the repair">
              Needs repair
            </QuietBadge>
          )}
          {node.job !== null && (
            <Link href={`/jobs/${node.job}`} className="inline-flex items-center gap-1 text-xs text-s1">
              <StateIcon state="running" size={12} />
              At work
            </Link>
          )}
        </div>
        <p className={`truncate text-xs ${node.error ? 'text-warn' : 'text-faint'}`}>
          {node.error
            ? displayName(node.error.message, 200)
            : [
                node.manager ? displayName(node.manager, 20) : 'No package manager known',
                node.as_of_ms === null ? 'never looked at' : `as of ${age(now - node.as_of_ms)} ago`,
                node.services > 0 ? `${node.services} services on old libraries` : null,
              ]
                .filter(Boolean)
                .join(', ')}
        </p>
      </div>
      <span className={`text-right text-sm ${node.upgradable === 0 ? 'text-faint' : 'font-semibold'}`}>
        {node.upgradable === 0 ? (node.as_of_ms === null ? '–' : 'Up to date') : node.upgradable}
        {node.upgradable > 0 && (
          <span className="block text-2xs font-normal text-faint">
            {node.upgradable === 1 ? 'upgrade' : 'upgrades'}
          </span>
        )}
      </span>
    </li>
  );
}

interface PackageProps {
  one: FleetPackage;
  nodes: readonly FleetPackageNode[];
  /** Whoever looks may have it upgraded on one of its nodes. */
  may: boolean;
  chosen: boolean;
  onToggle(): void;
}

const SHOWN_MAX = 100;

export function PackageRow({ one, nodes, may, chosen, onToggle }: PackageProps) {
  const [open, setOpen] = useState(false);
  const name = displayName(one.name, 120);
  const held = one.nodes.filter((on) => on.held).length;
  const versions = [...new Set(one.nodes.map((on) => on.new))];
  const count = one.nodes.length === 1 ? '1 node' : `${one.nodes.length} nodes`;
  return (
    <li data-package={one.name} className="px-4 py-2 transition-colors hover:bg-hover">
      <div className="flex items-start gap-3">
        <input
          type="checkbox"
          className={BOX}
          aria-label={`Choose ${name}`}
          checked={chosen}
          disabled={!may || held === one.nodes.length}
          title={
            held === one.nodes.length ? 'Held on all of its nodes' : may ? undefined : reasonOf('operate')
          }
          onChange={onToggle}
        />
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="flex min-w-0 flex-1 flex-wrap items-center gap-x-3 gap-y-0.5 rounded-sm text-left text-sm"
        >
          <span className="min-w-0 font-medium wrap-anywhere">{name}</span>
          {one.security && <SecurityBadge />}
          {held > 0 && (
            <QuietBadge title="Upgrades leave it out there">
              {held === one.nodes.length ? 'Held' : `Held on ${held}`}
            </QuietBadge>
          )}
          <span className="text-xs text-faint">{count}</span>
          <Versions from={null} to={versions.length === 1 ? versions[0]! : `${versions.length} versions`} />
        </button>
      </div>
      {open && (
        <ul className="mt-1 ml-7 grid gap-0.5">
          {one.nodes.slice(0, SHOWN_MAX).map((on) => {
            const node = nodes.find((other) => other.node === on.node);
            return (
              <li key={on.node} className="flex flex-wrap items-center gap-x-3 text-xs">
                <Link
                  href={`/nodes/${on.node}/packages`}
                  className="min-w-0 truncate text-dim hover:underline"
                >
                  <Name text={node?.name ?? `Node ${on.node}`} max={60} />
                </Link>
                {on.held && <QuietBadge>Held</QuietBadge>}
                <Versions from={on.installed} to={on.new} />
              </li>
            );
          })}
          {one.nodes.length > SHOWN_MAX && (
            <li className="text-xs text-faint">and {one.nodes.length - SHOWN_MAX} more</li>
          )}
        </ul>
      )}
    </li>
  );
}
