/** Registers this page as an application, once, and writes where to find it to .env.local. Needs CLIENT_ID and CLIENT_SECRET of `npm run postern -- api-client`. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const { ISSUER: issuer = 'http://localhost:3000/t/default', CLIENT_ID: clientId, CLIENT_SECRET: clientSecret } = process.env;
const origin = 'http://localhost:5173';
const name = 'React example';

if (clientId === undefined || clientSecret === undefined) {
  console.error('Set CLIENT_ID and CLIENT_SECRET to those that `npm run postern -- api-client` prints.');
  process.exit(1);
}

const tokens = await send('/oauth2/token', { method: 'POST', body: new URLSearchParams({ grant_type: 'client_credentials' }), headers: { authorization: `Basic ${btoa(`${clientId}:${clientSecret}`)}` } });
const headers = { authorization: `Bearer ${String(tokens['access_token'])}`, 'content-type': 'application/json' };
const found = await send(`/api/v1/applications?name=${encodeURIComponent(name)}`, { headers });
const [known] = found['items'] as { id: string }[];
const application = known ?? await send('/api/v1/applications', { method: 'POST', headers, body: JSON.stringify({
  name, kind: 'browser', firstParty: true, oidc: { redirectUris: [`${origin}/`], embeddedSignIn: { enabled: true, allowedOrigins: [origin] } } }) });
await writeFile(fileURLToPath(new URL('.env.local', import.meta.url)), `VITE_ISSUER=${issuer}\nVITE_APPLICATION_ID=${String(application.id)}\n`);
console.log(`${name} is the application ${String(application.id)} of ${issuer}.`);

async function send(path: string, init: RequestInit): Promise<Record<string, unknown>> {
  const answer = await fetch(`${issuer}${path}`, init);
  const body = await answer.json() as Record<string, unknown>;
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${JSON.stringify(body)}`);
  return body;
}
