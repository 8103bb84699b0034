import { defineConfig } from 'vitest/config';

// A real Ground Control, a real Spider and a real browser: `npm run e2e` (after `cargo build --release`).
// STARDUST_SERVER names another server binary, STARDUST_SCREENSHOTS a folder for the pictures.
export default defineConfig({
  test: {
    include: ['e2e/**/*.e2e.ts'],
    environment: 'node',
    // Each file has a Ground Control, hosts and a browser of its own, and mostly waits for them.
    maxWorkers: 2,
    // The steps of a journey build on each other.
    sequence: { concurrent: false, shuffle: false },
    bail: 0,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 30_000,
    expect: { poll: { timeout: 30_000, interval: 100 } },
    reporters: ['verbose'],
  },
});
