import { defineConfig } from 'prisma/config';

// The connection is only needed by the Prisma command line on a machine that has its engines; the server applies
// the same migrations itself at start (src/core/migrations.ts).
export default defineConfig({
  schema: 'prisma/schema',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env['DATABASE_URL'] ?? 'postgresql://localhost/postern' },
});
