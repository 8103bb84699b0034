import { describe, expect, it } from 'vitest';
import type { FleetNode } from '../../live/fleet';
import { fits, parseQuery, tagQuery, toggleTag } from './query';

const node = (tags: string[], name = 'pi4') =>
  ({ name, tags, address: '192.0.2.7', identity: { os: 'Debian 12' } }) as unknown as FleetNode;
const finds = (text: string, one: FleetNode) => fits(one, parseQuery(text));

describe('search', () => {
  it('takes words from everywhere, all of them', () => {
    expect(finds('DEBIAN 192', node([]))).toBe(true);
    expect(finds('debian 193', node([]))).toBe(false);
    expect(finds('', node([]))).toBe(true);
    expect(finds('"debian 12"', node([]))).toBe(true);
    expect(finds('"12 debian"', node([]))).toBe(false);
  });
  it('takes tags whole, where words may be a part', () => {
    expect(finds('home', node(['homelab']))).toBe(true);
    expect(finds('tag:home', node(['homelab']))).toBe(false);
    expect(finds('tag:HOME', node(['Home']))).toBe(true);
    expect(finds('tag:home tag:"my rack"', node(['home', 'My Rack']))).toBe(true);
    expect(finds('tag:home tag:x', node(['home']))).toBe(false);
  });
  it('asks for any tag so that it finds its nodes', () => {
    for (const tag of ['home', 'my rack', 'a"b', 'x:y', 'größe', 'tag:tag']) {
      expect(finds(tagQuery(tag), node([tag])), tag).toBe(true);
      expect(finds(tagQuery(tag), node([`${tag}2`])), tag).toBe(false);
    }
  });
  it('switches a tag on and off beside what is there', () => {
    const on = toggleTag('debian', 'my rack');
    expect(on).toBe('debian tag:"my rack"');
    expect(toggleTag(on, 'My rack')).toBe('debian');
    expect(toggleTag('', 'home')).toBe('tag:home');
  });
});
