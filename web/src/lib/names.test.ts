import { describe, expect, it } from 'vitest';
import { displayName, isTyped, typedName } from './names';

describe('names from outside', () => {
  it('show what would turn them round or hide', () => {
    expect(displayName('evil-\u202egnp.exe')).toBe('evil-␦gnp.exe');
    for (const mark of [
      '\u200b',
      '\u200f',
      '\u061c',
      '\u2060',
      '\u2067',
      '\ufeff',
      '\u00ad',
      '\u3164',
      '\u{e0041}',
    ]) {
      expect(displayName(`a${mark}b`), JSON.stringify(mark)).toBe('a␦b');
    }
    for (const control of ['\0', '\u001b', '\n', '\u0085', '\u2028', '\ud800']) {
      expect(displayName(`a${control}b`)).toBe('a␦b');
    }
  });
  it('stay as they are when they are only foreign', () => {
    for (const good of ['pi4', 'größe', 'Ωmega', 'שרת-1', 'サーバー', 'e\u0301t\u00e9', '👩‍🚀', '❤️', '🇩🇪']) {
      expect(displayName(good)).toBe(good);
    }
  });
  it('do not grow over what stands above and below', () => {
    expect(displayName(`a${'\u0301'.repeat(50)}b`)).toBe(`a${'\u0301'.repeat(3)}b`);
  });
  it('end where the room ends, also after half a million characters', () => {
    expect(displayName('x'.repeat(500_000), 10)).toBe(`${'x'.repeat(9)}…`);
    expect(displayName('🚀'.repeat(11), 10)).toBe(`${'🚀'.repeat(9)}…`);
  });
  it('can be typed', () => {
    expect(typedName('evil-\u202egnp.exe')).toBe('evil-gnp.exe');
    expect(isTyped('evil-gnp.exe', 'evil-\u202egnp.exe')).toBe(true);
    expect(isTyped(' pi4 ', 'pi4')).toBe(true);
    expect(isTyped('pi', 'pi4')).toBe(false);
    expect(isTyped('', '\u200b')).toBe(false);
    expect(isTyped('nameless', '\u200b')).toBe(true);
  });
});
