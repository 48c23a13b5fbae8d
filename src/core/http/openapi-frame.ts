/** What the OpenAPI document says beside the routes: where the server is, how to get a token, what the groups are. */
import type { OpenAPIV3_1 } from 'openapi-types';
import type { Config } from '../../config.ts';

const description = `
The REST APIs of Postern.

**Tokens.** Ask the token endpoint of the instance with \`client_credentials\`; without scope and resource the answer is a
token with everything that the application was granted here:

\`\`\`
curl -u "$CLIENT_ID:$CLIENT_SECRET" -d grant_type=client_credentials {issuer}/oauth2/token
\`\`\`

**Conventions.** Lists answer \`{ "items": […], "next": "…" }\`; give \`next\` back as \`cursor\`. PATCH changes what the body
names and null clears (RFC 7396). A single resource has an \`ETag\`; send it in \`If-Match\` and a change of somebody else
answers 412 instead of being overwritten. A POST with an \`Idempotency-Key\` can be repeated safely. Unknown members are
refused. Refusals are \`application/problem+json\` (RFC 9457) with a stable \`code\`.

**OAuth 2.0 and OpenID Connect** describe themselves: \`{issuer}/.well-known/openid-configuration\`.
`.trim();

const tags = [
  { name: 'Users', description: 'People of the instance.' },
  { name: 'Registrations', description: 'People who registered by themselves and wait for an administrator.' },
  { name: 'Recovery', description: 'People who lost more than a password, and wait for somebody or for time to pass.' },
  { name: 'Terms', description: 'Versioned terms, and who accepted them when.' },
  { name: 'Invitations', description: 'One-time links with which people set up an account that was made for them.' },
  { name: 'Custom fields', description: 'What the instance keeps of people beside the built-in fields.' },
  { name: 'Organizational units', description: 'The tree of the organization, and which users are in which of its units.' },
  { name: 'Groups', description: 'Groups of users: by hand or by a rule, and nested.' },
  { name: 'Authentication', description: 'Sign-in drawn by your own application: start a flow, answer its steps, exchange the code.' },
  { name: 'Sessions', description: 'Where people are signed in; ending a session notifies its applications.' },
  { name: 'Credentials', description: 'Authenticator apps, passkeys and recovery codes of a user; taking them away when a telephone is lost.' },
  { name: 'Risk', description: 'What sign-ins were assessed as and why, lists of addresses, and trying a policy on what happened.' },
  { name: 'Applications', description: 'OpenID Connect and OAuth applications, their secrets, and what they may ask of resource servers.' },
  { name: 'Application access', description: 'Who may open an application: everyone, or whom it is assigned to.' },
  { name: 'Application roles', description: 'Roles of an application, who has them, and which are in effect for whom and why.' },
  { name: 'CIAM roles', description: 'The same roles for automation: batches, differences, uploads of up to a million lines.' },
  { name: 'Application claims', description: 'Which roles, groups and attributes tokens carry, and role mapping expressions.' },
  { name: 'Resource servers', description: 'The APIs that accept our access tokens (RFC 8707, RFC 9068), and their scopes.' },
  { name: 'Events', description: 'The append-only log of every change.' },
  { name: 'Keys', description: 'Signing keys: published ahead of use, kept until their last token has ended.' },
  { name: 'Settings', description: 'Settings and branding of the instance.' },
  { name: 'Flow webhooks', description: 'Web addresses of yours that are asked, or told, when somebody signs in, registers, changes their profile or gets a token.' },
  { name: 'Notifications', description: 'Mails and text messages: gateways, words, what was sent, and the outbox for trying things out.' },
  { name: 'Domains', description: 'Custom domains, with proof of ownership.' },
  { name: 'Identity sources', description: 'Places outside where people prove who they are, and who is connected with them.' },
  { name: 'Network zones', description: 'Named address ranges, for policies, applications and the management API.' },
  { name: 'Quotas', description: 'What the plan of the instance allows, what is used, and what that costs a month.' },
  { name: 'Access policies', description: 'Who may open which application, from where and how: the first rule that matches decides.' },
  { name: 'Decisions', description: 'May this person do that? The OpenID AuthZEN Authorization API 1.0 over roles and policies.' },
  { name: 'Administrators', description: 'Who may manage the instance.' },
  { name: 'Pages', description: 'What the hosted pages are made of.' },
  { name: 'Platform', description: 'The instances of this server.' },
  { name: 'Operations', description: 'Health, readiness, metrics.' },
];

export function describeApi(config: Config): Partial<OpenAPIV3_1.Document> {
  return {
    openapi: '3.1.0',
    info: { title: 'Postern', version: '1', description, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    servers: [{
      url: issuerTemplate(config),
      description: 'The issuer of an instance; a custom domain takes its place where there is one.',
      variables: { instance: { default: 'default', description: 'The instance.' } },
    }],
    tags,
  };
}

/** The addresses of what is not part of an instance. */
export function platformServers(config: Config, isPlatform: boolean): OpenAPIV3_1.ServerObject[] {
  return [{ url: isPlatform ? config.consoleUrl : config.publicUrl }];
}

export function securitySchemes(config: Config, scopes: { management: ReadonlySet<string>; platform: ReadonlySet<string> }): Record<string, OpenAPIV3_1.SecuritySchemeObject> {
  const tokenUrl = `${issuerTemplate(config).replace('{instance}', 'default')}/oauth2/token`;
  const flow = (names: ReadonlySet<string>): OpenAPIV3_1.OAuth2SecurityScheme => ({
    type: 'oauth2',
    description: 'A token of the instance that is called; the address here is that of the instance "default".',
    flows: { clientCredentials: { tokenUrl, scopes: Object.fromEntries([...names].sort().map((name) => [name, describeScope(name)])) } },
  });
  return {
    management: flow(scopes.management),
    platform: flow(scopes.platform),
    accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'An access token that you already have.' },
    client: { type: 'http', scheme: 'basic', description: 'client_id and client secret (client_secret_basic), or another method of the application.' },
    flow: { type: 'apiKey', in: 'header', name: 'Authorization', description: '`Flow ` and the flowId of a sign-in under way. A confidential application also authenticates, in the header Client-Authorization.' },
    operator: { type: 'http', scheme: 'bearer', description: 'METRICS_TOKEN; from the same machine none is needed.' },
  };
}

/** `session:read` reads as it is written. */
function describeScope(name: string): string {
  const [what = name, verb] = name.split(':');
  return verb === undefined ? name : `${verb.charAt(0).toUpperCase()}${verb.slice(1)} ${what.replaceAll('-', ' ').replace(/(?<!s)$/, 's')}`;
}

function issuerTemplate(config: Config): string {
  return config.instanceHostSuffix
    ? `${new URL(config.publicUrl).protocol}//{instance}.${config.instanceHostSuffix}`
    : `${config.publicUrl}/t/{instance}`;
}
