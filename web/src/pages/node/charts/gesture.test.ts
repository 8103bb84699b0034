import { describe, expect, it } from 'vitest';
import { held } from './gesture';

const window = { from: 0, to: 100_000 };
const FAR = 1e12;

describe('touch', () => {
  it('pans with one finger, which stays over its moment', () => {
    const grip = { window: { from: 100_000, to: 200_000 }, width: 100, at: [50] };
    expect(held(grip, [70], FAR)).toEqual({ from: 80_000, to: 180_000 });
    expect(held(grip, [50], FAR)).toEqual(grip.window);
  });
  it('zooms with two, around what is between them', () => {
    const grip = { window, width: 200, at: [75, 125] };
    // Twice as far apart: half as much time, with the middle where it was.
    expect(held(grip, [50, 150], FAR)).toEqual({ from: 25_000, to: 75_000 });
    expect(held(grip, [87.5, 112.5], FAR)).toEqual({ from: -50_000, to: 150_000 });
    // Both further to the right: what was between them is there too.
    expect(held(grip, [70, 170], FAR).from).toBe(20_000);
  });
  it('never shows the future, and never less than ten seconds', () => {
    const grip = { window, width: 100, at: [90] };
    expect(held(grip, [10], 100_000)).toEqual(window);
    const tight = held({ window: { from: 0, to: 12_000 }, width: 100, at: [40, 64] }, [0, 100], FAR);
    expect(tight.to - tight.from).toBe(10_000);
  });
  it('is calm when fingers meet', () => {
    const wide = held({ window, width: 200, at: [90, 110] }, [100, 100], FAR);
    expect(wide).toEqual(window);
  });
});
