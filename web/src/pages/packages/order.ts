import type { FleetPackage, FleetPackageNode, Upgradable } from '../../api/packages';

const collator = new Intl.Collator(undefined, { numeric: true });

/** Security first, held last, then by name. */
export function orderUpgrades(list: readonly Upgradable[]): Upgradable[] {
  const rank = (one: Upgradable) => (one.held ? 2 : one.security ? 0 : 1);
  return [...list].sort((a, b) => rank(a) - rank(b) || collator.compare(a.name, b.name));
}

/** Nodes with security upgrades first, then those with the most. */
export function orderNodes(list: readonly FleetPackageNode[]): FleetPackageNode[] {
  return [...list].sort(
    (a, b) =>
      (b.security ?? 0) - (a.security ?? 0) ||
      b.upgradable - a.upgradable ||
      collator.compare(a.name, b.name),
  );
}

/** Security first, then what most nodes wait for. */
export function orderPackages(list: readonly FleetPackage[]): FleetPackage[] {
  return [...list].sort(
    (a, b) =>
      Number(b.security === true) - Number(a.security === true) ||
      b.nodes.length - a.nodes.length ||
      collator.compare(a.name, b.name),
  );
}

/** `foo` on one architecture of several needs its architecture said, where the manager writes it so. */
export function spec(
  one: Pick<Upgradable, 'name' | 'arch'>,
  list: readonly Upgradable[],
  manager: string | null,
): string {
  const twins = list.filter((other) => other.name === one.name).length > 1;
  return twins && one.arch && manager === 'apt' ? `${one.name}:${one.arch}` : one.name;
}

export interface PackagesView {
  by: 'node' | 'package';
  only: 'all' | 'security' | 'reboot';
  query: string;
}

export function parsePackagesView(search: string): PackagesView {
  const params = new URLSearchParams(search);
  const only = params.get('only');
  return {
    by: params.get('by') === 'package' ? 'package' : 'node',
    only: only === 'security' || only === 'reboot' ? only : 'all',
    query: (params.get('q') ?? '').slice(0, 200),
  };
}

export function packagesViewSearch(view: PackagesView): string {
  const params = new URLSearchParams();
  if (view.by !== 'node') params.set('by', view.by);
  if (view.only !== 'all') params.set('only', view.only);
  if (view.query) params.set('q', view.query);
  const text = params.toString();
  return text ? `?${text}` : '';
}
