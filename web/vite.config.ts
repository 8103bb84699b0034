import tailwindcss from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// `npm run dev` serves the sources and passes everything else to a Ground Control on this machine.
const groundControl = process.env.STARDUST_URL ?? 'http://127.0.0.1:8933';

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    target: 'es2022',
    // The content security policy allows our own files only: nothing may be inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      '/api': { target: groundControl },
      '/healthz': { target: groundControl },
      '/live': { target: groundControl, ws: true },
    },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
