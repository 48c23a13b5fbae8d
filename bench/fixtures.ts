/** What both servers are given alike: clients, secrets, APIs, people. */
import { createHash } from 'node:crypto';

/** Connections of every measurement, each with one request under way. */
export const connections = 32;

/** A confidential web application: code flow with PKCE, refresh with rotation, RS256 ID tokens. */
export const web = { id: 'bench-web', secret: 'bench-web-secret-0123456789-0123456789-abcd' };
/** A service: client_credentials. */
export const machine = { id: 'bench-machine', secret: 'bench-machine-secret-0123456789-0123456789' };

export const redirectUri = 'https://app.bench.example/callback';

/** Two APIs: one takes JWTs (RFC 9068, ES256), the other opaque tokens. */
export const apis = { jwt: 'https://jwt.bench.example/api', opaque: 'https://opaque.bench.example/api' } as const;
export const apiScope = 'bench:read';

/** One user and one signed-in browser for each connection. */
export const userNames: readonly string[] = Array.from({ length: connections }, (_, index) => `bench-user-${index}`);
export const userPassword = 'marmalade engine 47 violins';

const verifier = 'bench-verifier-0123456789-0123456789-0123456789';
export const pkce = { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') };

/** Seconds, the same for both. Codes are made before the round that exchanges them. */
export const lifetimes = { code: 600, accessToken: 1_200, idToken: 300, refreshToken: 86_400 } as const;

/** Below the issuer. */
export const paths = { authorize: '/oauth2/authorize', token: '/oauth2/token', introspect: '/oauth2/introspect' } as const;

/** Instances of the test with many tenants, and those that nobody has asked yet when the cold start is measured. */
export const manyInstances: readonly string[] = Array.from({ length: 1_000 }, (_, index) => `bench-${index}`);
export const coldInstances: readonly string[] = Array.from({ length: 20 }, (_, index) => `bench-cold-${index}`);

/** An application that draws its own sign-in page. */
export const ownPage = { id: 'bench-own-page', secret: 'bench-own-page-secret-0123456789-0123456789' };
/** A person with an authenticator app; its secret in base32. */
export const totpUser = { username: 'bench-totp', secret: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' } as const;
