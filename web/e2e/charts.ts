import type { Page } from 'playwright-core';
import { eventually } from './browser';

export interface Chart {
  id: string;
  points: number;
  /** Pixels of the canvas that are in a colour: lines and areas, not grey axes. */
  coloured: number;
}

/** What the charts on the page have drawn, read from their canvases. */
export function charts(page: Page): Promise<Chart[]> {
  return page.locator('[data-chart]').evaluateAll((boxes) =>
    boxes.map((box) => {
      const canvas = box.querySelector('canvas');
      let coloured = 0;
      if (canvas && canvas.width > 0 && canvas.height > 0) {
        // A copy: the page's own canvas stays as it is.
        const copy = new OffscreenCanvas(canvas.width, canvas.height);
        const context = copy.getContext('2d', { willReadFrequently: true })!;
        context.drawImage(canvas, 0, 0);
        const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
        for (let at = 0; at < data.length; at += 4) {
          const [r, g, b, a] = [data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!];
          if (a > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 40) coloured += 1;
        }
      }
      const { chart, points } = (box as HTMLElement).dataset;
      return { id: chart!, points: Number(points), coloured };
    }),
  );
}

/** Waits until every chart has at least `points` points, and something to see. */
export function drawnCharts(page: Page, points: number): Promise<Chart[]> {
  let last: Chart[] = [];
  return eventually(`every chart has drawn ${points} points`, async () => {
    last = await charts(page);
    return last.length >= 5 && last.every((chart) => chart.points >= points && chart.coloured > 0)
      ? last
      : null;
  }).catch((error: Error) => {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`);
  });
}
