/** What this protocol mints and takes back, for the registry (core/proof-registry.ts). */
import type { ProofKind } from '../../core/proof-registry.ts';

export const oauthProofKinds: readonly ProofKind[] = [
  { name: 'oauth.authorization-code', purpose: 'Is exchanged for tokens by the client that it was made for.', subject: 'grant', target: 'token endpoint, grant authorization_code', oneTime: true, stored: 'hash' },
  { name: 'oauth.refresh-token', purpose: 'Is exchanged for new tokens; its second use ends the grant.', subject: 'grant', target: 'token endpoint, grant refresh_token', oneTime: true, stored: 'hash' },
  { name: 'oauth.device-code', purpose: 'Lets a device wait for its person.', subject: 'application', target: 'token endpoint, grant device_code', oneTime: true, stored: 'hash' },
  { name: 'oauth.user-code', purpose: 'Is typed in by the person whom a device waits for.', subject: 'application', target: 'device verification page', oneTime: true, stored: 'hash' },
  { name: 'oauth.access-token', purpose: 'Opaque: reads the claims of the user that it was granted for.', subject: 'grant', target: 'userinfo endpoint', oneTime: false, stored: 'hash' },
  { name: 'oauth.jwt-access-token', typ: 'at+jwt', purpose: 'Calls the API in its audience (RFC 9068).', subject: 'grant', target: 'the resource server in aud', oneTime: false, stored: 'not stored' },
  { name: 'oauth.machine-token', purpose: 'Opaque: calls the API in its audience for the application itself.', subject: 'application', target: 'the resource server in aud', oneTime: false, stored: 'hash' },
  { name: 'oauth.id-token', typ: 'JWT', purpose: 'Tells an application who signed in; comes back as a hint only.', subject: 'user', target: 'id_token_hint', oneTime: false, stored: 'not stored' },
  { name: 'oauth.logout-token', typ: 'logout+jwt', purpose: 'Tells an application that a session ended.', subject: 'session', target: 'the back-channel logout address of the application', lifetimeSeconds: 120, oneTime: true, stored: 'not stored' },
  { name: 'oauth.request-uri', purpose: 'Stands for a pushed authorization request.', subject: 'application', target: 'authorization endpoint, request_uri', lifetimeSeconds: 60, oneTime: true, stored: 'hash' },
  { name: 'oauth.interaction', purpose: 'Names an authorization request that waits for a person, with a cookie of the same value.', subject: 'flow', target: 'authorization endpoint, resume', lifetimeSeconds: 3_600, oneTime: true, stored: 'hash' },
  { name: 'oauth.logout-form-token', purpose: 'Shows that the sign-out page was drawn for this session and request.', subject: 'session', target: 'end-session endpoint, form_token', oneTime: false, stored: 'not stored' },
  { name: 'oauth.dpop-nonce', purpose: 'Makes DPoP proofs fresh (RFC 9449 §8).', subject: 'none', target: 'DPoP proofs', lifetimeSeconds: 300, oneTime: false, stored: 'not stored' },
  { name: 'oauth.initial-access-token', purpose: 'Allows one dynamic registration.', subject: 'none', target: 'registration endpoint', lifetimeSeconds: 86_400, oneTime: false, stored: 'hash' },
  { name: 'oauth.registration-access-token', purpose: 'Manages one dynamically registered client.', subject: 'application', target: 'client configuration endpoint', oneTime: false, stored: 'hash' },
];
