import uPlot from 'uplot';
import { type Grip, held, type Window } from './gesture';

/** A finger that moved less than this may have meant a tap. */
const SLOP_PX = 8;

/** True while fingers move the window: data that come meanwhile wait. */
let holding = false;
export function isHolding(): boolean {
  return holding;
}

interface Wanted {
  plot: uPlot;
  syncKey: string;
  latest(): number;
  onWindow(window: Window): void;
}

/**
 * Pinch and pan on a plot. Up and down stays the page's own scrolling; all plots that share the cursor follow at
 * once, and the window is asked for when the fingers are taken off.
 */
export function watchTouch({ plot, syncKey, latest, onWindow }: Wanted): () => void {
  const { over } = plot;
  over.style.touchAction = 'pan-y';
  const fingers = new Map<number, { x: number; y: number }>();
  let grip: Grip | null = null;
  let moved = false;
  let shown: Window | null = null;

  const places = () => {
    const { left } = over.getBoundingClientRect();
    return [...fingers.values()].slice(0, 2).map(({ x }) => x - left);
  };
  const take = () => {
    const { min, max } = plot.scales.x!;
    grip =
      fingers.size > 0 && min != null && max != null
        ? { window: { from: min, to: max }, width: Math.max(1, over.clientWidth), at: places() }
        : null;
  };
  const end = () => {
    holding = false;
    moved = false;
    if (shown) onWindow(shown);
    shown = null;
  };
  const down = (event: PointerEvent) => {
    if (event.pointerType !== 'touch') return;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 2) moved = true;
    take();
  };
  const move = (event: PointerEvent) => {
    const finger = fingers.get(event.pointerId);
    if (!finger || !grip) return;
    if (!moved && Math.abs(event.clientX - finger.x) < SLOP_PX) return;
    if (!moved) {
      moved = true;
      over.setPointerCapture(event.pointerId);
    }
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    holding = true;
    shown = held(grip, places(), latest());
    for (const one of uPlot.sync(syncKey).plots) one.setScale('x', { min: shown.from, max: shown.to });
  };
  const up = (event: PointerEvent) => {
    if (!fingers.delete(event.pointerId)) return;
    if (fingers.size > 0) take();
    else end();
  };
  over.addEventListener('pointerdown', down);
  over.addEventListener('pointermove', move);
  over.addEventListener('pointerup', up);
  over.addEventListener('pointercancel', up);
  return () => {
    if (fingers.size > 0) holding = false;
    over.removeEventListener('pointerdown', down);
    over.removeEventListener('pointermove', move);
    over.removeEventListener('pointerup', up);
    over.removeEventListener('pointercancel', up);
  };
}
