import type { ClientSecret } from './client-secrets.ts';

/** As the REST API shows a secret: everything but the secret. */
export const viewSecret = ({ id, hint, reversible, createdAt, expiresAt }: ClientSecret) => ({
  id, hint, reversible, createdAt: createdAt.toISOString(), expiresAt: expiresAt?.toISOString() ?? null });
