/** The theme's colours as canvas needs them: read from the same CSS variables as everything else. */
export type Palette = (name: string, alpha?: number) => string;

export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  return (name, alpha = 1) => {
    const color = style.getPropertyValue(`--${name}`).trim() || '#888888';
    if (alpha >= 1 || !/^#[0-9a-f]{6}$/i.test(color)) return color;
    return `${color}${Math.round(alpha * 255)
      .toString(16)
      .padStart(2, '0')}`;
  };
}

/** Diagonal hairlines: nothing was measured here. */
export function hatchPattern(context: CanvasRenderingContext2D, color: string): CanvasPattern | null {
  const size = Math.round(8 * devicePixelRatio);
  const tile = document.createElement('canvas');
  tile.width = size;
  tile.height = size;
  const pen = tile.getContext('2d');
  if (!pen) return null;
  pen.strokeStyle = color;
  pen.lineWidth = devicePixelRatio;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
  }
  pen.stroke();
  return context.createPattern(tile, 'repeat');
}
