import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  // In an application of your own this is the package: npm install @postern/browser.
  resolve: { alias: { '@postern/browser': fileURLToPath(new URL('../../clients/browser/src/index.ts', import.meta.url)) } },
  server: { host: 'localhost', port: 5173, strictPort: true },
});
