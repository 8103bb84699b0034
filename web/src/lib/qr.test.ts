import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { checkBytes, qrCode } from './qr';

test('the correction of a block is that of the standard’s own example', () => {
  // HELLO WORLD in version 1-M.
  const data = [32, 91, 11, 120, 209, 114, 220, 77, 67, 64, 236, 17, 236, 17, 236, 17];
  expect(checkBytes(data, 10)).toEqual([196, 35, 39, 119, 235, 215, 231, 226, 93, 23]);
});

test('it is as large as it has to be, with its three corners', () => {
  for (const [chars, size] of [
    [1, 21],
    [14, 21],
    [15, 25],
    [122, 45],
    [123, 49],
    [666, 97],
  ] as const) {
    const code = qrCode('x'.repeat(chars))!;
    expect(code.length, `${chars}`).toBe(size);
    for (const [x, y] of [
      [0, 0],
      [size - 7, 0],
      [0, size - 7],
    ] as const) {
      const row = code[y + 3]!.slice(x, x + 7).map((dark) => (dark ? '#' : '.'));
      expect(row.join('')).toBe('#.###.#');
    }
  }
  expect(qrCode('x'.repeat(667))).toBe(null);
});

test('codes that readers have read stay as they are', () => {
  const print = (text: string) => {
    const rows = qrCode(text)!.map((row) => row.map((dark) => (dark ? '1' : '0')).join(''));
    return createHash('sha256').update(rows.join('\n')).digest('hex').slice(0, 16);
  };
  expect(
    print('otpauth://totp/Stardust:admin?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'),
  ).toMatchInlineSnapshot(`"925932fd163b7105"`);
  expect(print('ü→🕷'.repeat(20))).toMatchInlineSnapshot(`"cecc5b9321a4dc42"`);
});
