/**
 * What this server must refuse, one row for each kind of attack. A row is tested by every test whose name holds
 * `attack: {id}`, wherever it stands; `npm run attacks` runs them all and prints the rows with their result. A row
 * without a test fails, and so does a test that names no row (rows.test.ts).
 */
export interface AttackRow {
  /** `{section}.{name}`; stable. */
  readonly id: string;
  /** The doors it is tried at. */
  readonly where: string;
  readonly tried: string;
  /** What the caller sees, and what must not have come of it. */
  readonly refusal: string;
}

export const rows: readonly AttackRow[] = [
  // OAuth and OpenID Connect
  { id: 'oauth.code-other-client', where: 'token endpoint', tried: 'a code is redeemed by somebody else, twice, or late; a refresh token by somebody else', refusal: '400 invalid_grant; a second use ends what the first one gave' },
  { id: 'oauth.redirect-exact', where: 'authorization and pushed requests, management API', tried: 'a redirect address that only resembles the registered one, has another scheme, or is one of ours', refusal: '400 on our own page, never a redirect; such an address cannot be saved' },
  { id: 'oauth.pkce-downgrade', where: 'authorization and token endpoints', tried: 'PKCE is left out, weakened, or half used', refusal: '400 invalid_request or invalid_grant' },
  { id: 'oauth.iss-mixup', where: 'authorization answers', tried: 'an answer of one instance is taken for one of another', refusal: 'every answer names the whole issuer, in each response mode' },
  { id: 'oauth.request-object', where: 'pushed requests, authorization endpoint', tried: 'a pushed or signed request is used twice, by others, unsigned, or makes us fetch', refusal: '400 with its code; nothing is fetched' },
  { id: 'oauth.reauth-honoured', where: 'authorization endpoint', tried: 'prompt, max_age or acr_values are passed over; a broken-off sign-in leaves a stronger session', refusal: 'the person is asked again, or login_required; auth_time and acr are true' },
  { id: 'oauth.autosubmit-xss', where: 'form_post answers, error pages', tried: 'markup or a script address in whatever is shown back', refusal: 'shown as text; forms lead to registered web addresses only' },
  { id: 'oauth.logout-redirect', where: 'end-session endpoint', tried: 'somebody is signed out, or sent elsewhere, by a link', refusal: 'a person confirms; 400 for a foreign address or hint' },
  { id: 'oauth.client-limits', where: 'token, revocation, introspection and device endpoints', tried: 'a client gets more than it is registered for, or does not show who it is', refusal: '401 invalid_client; 400 with the code of the excess' },
  { id: 'oauth.device-owner', where: 'device page', tried: 'a device code is approved by another browser, guessed, or used again', refusal: '403; the first browser owns it; 429 after few misses' },
  { id: 'oauth.client-assertion', where: 'token, pushed request, introspection and revocation endpoints', tried: 'an assertion for another server, without end, or used twice', refusal: '401 invalid_client, on every server of the installation' },
  { id: 'oauth.refresh-race', where: 'token endpoint', tried: 'many use one refresh token at once', refusal: 'one success at most; reuse ends the family, with an event' },
  { id: 'oauth.resource-unknown', where: 'authorization, token and introspection endpoints, our own APIs', tried: 'an API that is unknown or of another instance; a token at an API that it is not for', refusal: '400 invalid_target; 401; inactive' },
  { id: 'oauth.sender-constraint', where: 'token and userinfo endpoints, our own APIs', tried: 'a proof is replayed or made for something else; a bound token comes without its key', refusal: '401 with its code' },

  // Tokens and keys
  { id: 'token.alg-confusion', where: 'everything that takes a JWT', tried: 'the token says with which algorithm or key it wants to be checked', refusal: 'the refusal of that place; nothing is fetched' },
  { id: 'token.jose-bombs', where: 'everything that takes a JWT, JWE, JWK or key set', tried: 'compression, endless key derivation, giant or hostile keys, a fetch for each unknown key', refusal: 'refused at once; one fetch in a pause' },
  { id: 'token.cross-instance', where: 'userinfo, introspection, revocation, hints, all APIs', tried: 'what one instance issued is shown to another', refusal: '401; inactive' },
  { id: 'token.purpose-confusion', where: 'everything that takes a token, code, link or handle', tried: 'one kind is shown where another is expected', refusal: 'each kind is taken at its own place only' },
  { id: 'token.revocation-sticks', where: 'every place that serves a token or session', tried: 'a disabled user, application, session or instance goes on', refusal: 'invalid_grant, inactive or 401 within a second' },

  // Flows and sessions
  { id: 'flow.step-skip', where: 'hosted pages, Authentication API', tried: 'an input is empty, early, repeated, of another step or of another flow', refusal: '409 or the page as it is; nothing changed; a proof counts for its flow and person alone' },
  { id: 'flow.partial-session', where: 'every place that reads a session', tried: 'a sign-in that is not finished counts as one', refusal: 'as if nobody were there' },
  { id: 'flow.enumeration', where: 'sign-in, pages and Authentication API', tried: 'an answer tells whether an account exists, or what state it is in', refusal: 'equal answers until a first proof' },
  { id: 'flow.session-fixation', where: 'hosted pages, resumption', tried: 'a planted session or foreign link is adopted; a form is posted from another site', refusal: 'a new session identifier at every sign-in; 400 without the own cookie' },
  { id: 'flow.reset-host', where: 'links, metadata, redirects', tried: 'an address is built from a header of the request', refusal: 'addresses come from configuration; unknown hosts get 421' },
  { id: 'flow.invite-tamper', where: 'invitation page', tried: 'a link is used twice, late, after it was withdrawn or sent anew, by somebody else, or with other fields', refusal: 'no account is set up; who and where stand in the database alone' },
  { id: 'flow.reset-lifecycle', where: 'recovery of an account', tried: 'a code or link is used twice, late, elsewhere, after a newer one or a change of the address; a recovery skips the second factor or leaves something open', refusal: 'refused; sessions, grants and remembered devices end, and the second factor is asked for' },
  { id: 'flow.remember-device', where: 'second-factor step', tried: 'a remembered browser is used by another person, elsewhere, after it was forgotten, after a new password, or for a level', refusal: 'the second factor is asked for; its session is worth no more than what was shown' },
  { id: 'flow.sensitive-change', where: 'account page', tried: 'a factor, the password or a link is changed in an old session, without the existing factor, or by a foreign form; the last factor is removed', refusal: 'nothing is changed; the existing factor is asked for; 400' },
  { id: 'flow.every-door', where: 'all ways to sign in', tried: 'lock, second factor, zone or risk is missing at one door', refusal: 'the same denial at each; a door without a row fails' },
  { id: 'flow.otp-single-use', where: 'second-factor and first-factor steps', tried: 'a code is used twice, by many at once, or late', refusal: 'one success; the code is used up' },
  { id: 'flow.otp-guess', where: 'second-factor and first-factor steps', tried: 'codes are guessed over many flows', refusal: 'counted for each person and method; the right one is refused then too, with an event' },
  { id: 'flow.rate-key', where: 'password step, codes and their sending', tried: 'a limit is dodged by another spelling of name or address', refusal: 'one limit for all spellings; forwarded headers of strangers do not count' },

  // WebAuthn
  { id: 'webauthn.verify-result', where: 'sign-in with a passkey, making one', tried: 'an answer with a wrong, reused or foreign challenge, type, origin, RP id, flag, id or signature', refusal: 'no proof, nothing stored; the challenge is gone after the first try' },
  { id: 'webauthn.credential-owner', where: 'sign-in with a passkey', tried: 'a passkey of another person or instance in this flow, as first and as second factor', refusal: 'no proof' },
  { id: 'webauthn.policy-server-side', where: 'sign-in with a passkey, making one', tried: 'an authenticator that ignores what it was asked for; a weaker factor in its place', refusal: 'no proof, no passkey; the level is not reached' },

  // Tenancy
  { id: 'tenant.idor-matrix', where: 'all routes', tried: 'ids of another instance in path, query, body, header or cursor', refusal: 'as if they did not exist; the other instance stays as it was' },
  { id: 'tenant.raw-paths', where: 'all services, jobs and tables', tried: 'a query, reference or move that leaves its instance', refusal: 'the database refuses; the sources hold no unscoped access' },
  { id: 'tenant.cookie-cross', where: 'all pages', tried: 'a cookie of another instance, or one name twice', refusal: 'a stranger; doubled cookies are cleared' },
  { id: 'tenant.path-confusion', where: 'all routes of an instance', tried: 'a path that router and scope might read differently', refusal: '404' },
  { id: 'tenant.host-map', where: 'hosts and domains', tried: 'a host serves what is not its own; a domain is claimed without proof', refusal: '404 or 421; 400 or 409' },
  { id: 'tenant.active-branding', where: 'branding, logo, pages', tried: 'branding that runs script or style', refusal: '400 or 415; images are encoded again and served inert' },
  { id: 'tenant.same-origin-script', where: 'all pages', tried: 'a script on the shared origin reads pages or codes of another instance', refusal: '403: pages answer navigations of a window only; never a service worker' },

  // Outbound
  { id: 'out.addresses', where: 'every call that settings or clients cause', tried: 'an address inside, in whatever spelling or by redirect', refusal: 'no packet; redirects are not followed' },
  { id: 'out.mail-header', where: 'everything that sends a mail', tried: 'line breaks, comments, groups, quoted names or a second address in a recipient, name or subject', refusal: '400; exactly one recipient reaches the mail server' },
  { id: 'out.template', where: 'words of messages, preview', tried: 'expressions, loops, includes, inherited names; markup and links in what people wrote', refusal: '400 when saved; shown as text' },
  { id: 'fed.email-unverified', where: 'answers of identity sources', tried: 'an address that the source has not proven leads to an account: the claim is missing, false, or in other letters', refusal: 'no connection; the account\'s own proofs decide' },
  { id: 'fed.local-unverified', where: 'accounts matched by address', tried: 'an address is registered here first, without proof, to get whoever signs in from outside later', refusal: 'no connection; the unproven account gives the address up' },
  { id: 'fed.callback-fields', where: 'callback, sign-in pages, link step', tried: 'posted subjects, sources or users; a typed name instead of a proof', refusal: 'nothing of it is read' },
  { id: 'fed.state-nonce', where: 'callback, Authentication API', tried: 'state or nonce missing, repeated, of another browser, flow or source; two sources mixed up', refusal: '403, no session; it spends nothing of its owner\'s' },
  { id: 'fed.upstream-token', where: 'answers of identity sources', tried: 'tokens that are not for us: audience, issuer, tenant, nonce, time, signature, application', refusal: 'refused; the event log names the check' },
  { id: 'fed.mutable-key', where: 'sign-in by an outside account', tried: 'the address or name at the source changes to that of another person', refusal: 'found by source and subject alone' },
  { id: 'fed.domain-authority', where: 'identity sources, sign-in', tried: 'a source speaks for domains that are not its own, or claims one', refusal: 'not matched; 409 for a domain that is not verified or is another source\'s' },
  { id: 'fed.secret-follows-host', where: 'connections that hold a secret: change and test', tried: 'the host or URL is changed, so that the stored secret goes to the new place', refusal: '400 until the secret is given again; the new place hears nothing' },

  // Administration
  { id: 'admin.ambient-auth', where: 'all routes of our APIs', tried: 'the cookie of a signed-in browser instead of a token', refusal: '401; no cookie is read' },
  { id: 'admin.content-type', where: 'all routes that take a body', tried: 'a body under another type, doubled names, method overrides', refusal: '415 or 400' },
  { id: 'admin.bootstrap', where: 'first start', tried: 'known or left-over credentials; the first start again', refusal: 'only once; known examples are refused' },
  { id: 'admin.log-injection', where: 'log, events, error bodies', tried: 'forged lines; secrets in the log; faults that tell', refusal: 'one escaped line each; no secret; a code and nothing more' },
  { id: 'admin.role-matrix', where: 'all routes', tried: 'a role or scope that is not the route\'s', refusal: '403; a route without a row in docs/administrator-roles.md fails' },
  { id: 'admin.secret-readback', where: 'all routes, events, export, log', tried: 'a secret is read again by whoever may read', refusal: 'shown once, by the call that makes it' },
  { id: 'admin.delegate-escalation', where: 'users, passwords, links, sessions, roles, units, groups, applications, grants', tried: 'who manages a part gets at administrators, at more of the tree, or at rights of our own APIs', refusal: '403; 404 for what lies outside' },
  { id: 'admin.mass-assignment', where: 'all writes', tried: 'a field that only the server sets, at every place of every body', refusal: '400; nothing is changed' },
  { id: 'admin.idempotency', where: 'all POSTs with Idempotency-Key', tried: 'the stored answer of somebody else, or for another request; many first uses at once', refusal: '422 or 409; own answers only' },
  { id: 'admin.audit-chain', where: 'verification of the event log', tried: 'events or seals are changed, removed, moved, spliced in, or their tail is cut', refusal: 'the first bad place is named' },

  // Inputs
  { id: 'input.identifier-collision', where: 'creating and changing users, bulk calls, invitations', tried: 'an account whose name, address or number looks or folds like that of another', refusal: '409; each spelling finds exactly one' },
  { id: 'input.control-characters', where: 'all routes', tried: 'NUL, lone surrogates, control characters, marks that turn the direction of writing', refusal: '400, never a fault' },
  { id: 'input.prototype-keys', where: 'all bodies, queries, bulk rows, custom fields', tried: 'names that every object has, as names or paths', refusal: '400, or plain data; prototypes untouched' },
  { id: 'input.operator-injection', where: 'all routes', tried: 'an object, list or second value where one text is expected', refusal: '400' },
  { id: 'input.expression-limits', where: 'every field that takes an expression, and calls that try one', tried: 'an expression or pattern that blows up, recurses, reaches host objects, or reads beyond the caller', refusal: 'refused at save, or cut off within 50 ms; no value; 403 or 404' },
  { id: 'input.open-redirect', where: 'every parameter that leads somewhere', tried: 'spellings of foreign addresses', refusal: 'own pages or registered addresses only' },

  // Limits
  { id: 'limit.parameter-size', where: 'all routes', tried: 'giant, deep, compressed or broken input', refusal: '400, 401, 413, 414, 415 or 431, at once, never a fault' },
  { id: 'limit.password-cost', where: 'password step, token endpoint', tried: 'a password of a megabyte, or more sign-ins at once than can be hashed', refusal: '400 or 413 before hashing; 503 with Retry-After; tokens do not wait' },
  { id: 'limit.anonymous-state', where: 'everything that strangers can begin', tried: 'tables are filled without an account', refusal: '429; rows have an end' },
];

/** The row that a test's full name speaks of. */
export const rowOf = (testName: string): string | undefined => /attack: ([a-z]+\.[a-z0-9-]+)/.exec(testName)?.[1];
