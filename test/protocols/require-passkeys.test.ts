/** docs/require-passkeys.md, executed as written. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { createBrowser } from '../support/browser.ts';
import { authorizeUrl, createClient, createPerson, createPkce, password, startProtocolServer } from '../support/oidc.ts';
import type { TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
beforeAll(async () => { ({ server, context } = await startProtocolServer()); });
afterAll(() => server.close());

it('the commands of the guide make members show a passkey, and nobody else', async () => {
  const [member, other, client] = [await createPerson(context), await createPerson(context), await createClient(context)];
  const commands = [...readFileSync('docs/require-passkeys.md', 'utf8').matchAll(/```\n([\s\S]*?)```/g)].map(([, block = '']) => block.replaceAll('curl -s', 'curl -sS --fail-with-body')).join('\n');
  await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', commands], { env: { ...process.env, ISSUER: server.issuer, TOKEN: await server.managementToken(), USER_ID: member.user.id } });

  const last = async (username: string) => {
    const browser = createBrowser(server.origin);
    return browser.submit(await browser.submit(await browser.open(authorizeUrl(server.issuer, client, createPkce())), { identifier: username }), { password });
  };
  const asked = await last(member.username);
  expect(asked.url).toContain('/sign-in/');
  expect(asked.text).toContain('webauthn');
  expect(asked.text).not.toContain('totp.');
  expect((await last(other.username)).url).toContain('https://app.example.com/callback?code=');
});
