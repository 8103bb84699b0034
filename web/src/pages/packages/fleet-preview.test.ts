import { expect, it } from 'vitest';
import type { FleetPreviewPage, NodePreview } from '../../api/packages';
import { looked, NOTHING_LOOKED, noteOf, plansOf, removes, sumOf } from './fleet-preview-words';

const none = { upgraded: 0, security: 0, installed: 0, removed: 0, downgraded: 0, kept_back: 0 };
const node = (id: number, part: Partial<NodePreview> = {}): NodePreview => ({
  node: id,
  name: `n${id}`,
  action: 'upgrade',
  state: 'ready',
  counts: none,
  upgraded: [],
  installed: [],
  removed: [],
  downgraded: [],
  kept_back: [],
  more: false,
  download_bytes: null,
  restarts: [],
  refused: null,
  error: null,
  left_out: null,
  warnings: [],
  plan: `p${id}`,
  ...part,
});
const page = (nodes: NodePreview[], next: number | null): FleetPreviewPage => ({
  waves: [[1], [2, 3]],
  left_out: [{ node: 9, name: 'n9', why: 'repair', message: 'half-way', hint: '' }],
  nodes,
  next,
});

it('gathers page by page', () => {
  const first = looked(NOTHING_LOOKED, page([node(1, { counts: { ...none, upgraded: 2, security: 1 } })], 1));
  expect([first.done, first.nodes.size, first.leftOut.length, sumOf(first)]).toEqual([
    false,
    1,
    1,
    '2 upgrades, 1 for security',
  ]);
  const removing = node(2, { counts: { ...none, upgraded: 1, removed: 1, security: null } });
  const refused = node(3, { state: 'refused', counts: { ...none, removed: 5 } });
  const all = looked(first, page([removing, refused], null));
  expect([all.done, all.leftOut.length, sumOf(all), removes(all), removes(first)]).toEqual([
    true,
    1,
    '3 upgrades, 1 for security, 1 removed',
    true,
    false,
  ]);
  expect(plansOf(all)).toEqual({ 1: 'p1', 2: 'p2' });
  expect(sumOf(NOTHING_LOOKED)).toBe(null);
});

it('says why a node will not go along', () => {
  expect(noteOf(node(1))).toBe(null);
  expect(noteOf(node(1, { state: 'nothing' }))).toEqual({ words: 'Nothing to do.', bad: false });
  const error = { cause: 'timeout', message: 'It does not answer.', hint: '' };
  expect(noteOf(node(1, { state: 'failed', error }))).toEqual({ words: 'It does not answer.', bad: true });
});
