import { expect, it } from 'vitest';
import type { FleetPackageNode, Upgradable } from '../../api/packages';
import {
  orderNodes,
  orderPackages,
  orderUpgrades,
  packagesViewSearch,
  parsePackagesView,
  spec,
} from './order';
import { wavesOf } from './waves';

const up = (name: string, part: Partial<Upgradable> = {}): Upgradable => ({
  name,
  arch: 'amd64',
  installed: '1',
  new: '2',
  repo: null,
  security: false,
  held: false,
  ...part,
});

it('security comes first, held last', () => {
  const list = [up('a', { held: true, security: true }), up('c'), up('b'), up('z', { security: true })];
  expect(orderUpgrades(list).map((one) => one.name)).toEqual(['z', 'b', 'c', 'a']);
});

it('nodes and packages: security, then number', () => {
  const node = (name: string, upgradable: number, security: number | null) =>
    ({ name, upgradable, security }) as FleetPackageNode;
  expect(orderNodes([node('a', 9, null), node('b', 1, 1), node('c', 20, 0)]).map((one) => one.name)).toEqual([
    'b',
    'c',
    'a',
  ]);
  const of = (nodes: number) =>
    Array.from({ length: nodes }, (_, i) => ({ node: i, installed: '1', new: '2', held: false }));
  const packages = [
    { name: 'many', security: null, nodes: of(5) },
    { name: 'danger', security: true, nodes: of(1) },
  ];
  expect(orderPackages(packages).map((one) => one.name)).toEqual(['danger', 'many']);
});

it('says the architecture where a name alone is two packages', () => {
  const list = [up('libc6'), up('libc6', { arch: 'i386' }), up('nginx')];
  expect(spec(list[1]!, list, 'apt')).toBe('libc6:i386');
  expect(spec(list[2]!, list, 'apt')).toBe('nginx');
  expect(spec(list[1]!, list, 'dnf')).toBe('libc6');
});

it('waves: one, a quarter, the rest', () => {
  expect([0, 1, 2, 3, 5, 9, 100].map((count) => wavesOf(count))).toEqual([
    [],
    [1],
    [1, 1],
    [1, 1, 1],
    [1, 2, 2],
    [1, 3, 5],
    [1, 25, 74],
  ]);
});

it('the view survives the way through the address', () => {
  const view = { by: 'package', only: 'security', query: 'g++ & co' } as const;
  expect(parsePackagesView(packagesViewSearch(view))).toEqual(view);
  expect(packagesViewSearch(parsePackagesView('?by=odd&only=odd'))).toBe('');
});
