/** The React example in a real browser: the page of somebody else, on another origin, with our client. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InstanceContext, withPrincipal } from '../../src/tenancy/index.ts';
import { accessibilityFaults, launchChromium } from '../support/chromium.ts';
import { freePort } from '../support/free-port.ts';
import { createClient, createPerson, password, type Person } from '../support/oidc.ts';
import { type ReactExample, startReactExample } from '../support/react-example.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let context: InstanceContext;
let example: ReactExample;
let chromium: Browser;
let person: Person;

beforeAll(async () => {
  server = await startTestServer();
  context = withPrincipal(await server.context(), { kind: 'system' });
  person = await createPerson(context);
  const port = await freePort();
  const { application } = await createClient(context, { kind: 'browser', oidc: { redirectUris: [`http://localhost:${port}/`], embeddedSignIn: { enabled: true, allowedOrigins: [`http://localhost:${port}`] } } });
  [example, chromium] = await Promise.all([startReactExample(port, { issuer: server.issuer, applicationId: application.id }), launchChromium()]);
}, 60_000);
afterAll(async () => {
  await chromium.close();
  await example.close();
  await server.close();
});

async function open(): Promise<{ page: Page; faults: string[] }> {
  const page = await chromium.newPage({ viewport: { width: 360, height: 740 } });
  const faults: string[] = [];
  page.on('pageerror', (error) => { faults.push(error.message); });
  await page.goto(example.origin);
  await page.getByLabel('User name').waitFor();
  return { page, faults };
}
const next = (page: Page) => page.getByRole('button', { name: 'Continue' }).click();

describe('the client', () => {
  it('is built by TypeScript alone, and stays below 8 kB compressed', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'postern-client-'));
    await promisify(execFile)(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'clients/browser', '--outDir', folder]);
    const files = (await readdir(folder)).filter((name) => name.endsWith('.js'));
    const built = await Promise.all(files.map((name) => readFile(path.join(folder, name))));
    await rm(folder, { recursive: true });
    expect(files).toContain('index.js');
    expect(gzipSync(Buffer.concat(built)).length).toBeLessThan(8_000);
    expect(built.join('')).not.toMatch(/localStorage|sessionStorage|document\.cookie|indexedDB/);
  });
});

describe('the React example', () => {
  it('signs a person in, says what was wrong on the way, and signs out', async () => {
    const { page, faults } = await open();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByLabel('User name').fill(person.username);
    await next(page);
    await page.locator('input[name=password]').fill('wrong all along');
    await next(page);
    expect(await page.getByRole('alert').textContent()).toContain('We could not sign you in');
    expect(await page.evaluate('document.activeElement.getAttribute("role")')).toBe('alert');
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.locator('input[name=password]').fill(password);
    await next(page);
    await page.getByRole('heading', { name: 'Welcome' }).waitFor();
    expect(await page.locator('#subject').textContent()).toBe(person.user.id);
    // In memory only: nothing that a later visitor of this computer could find.
    expect(await page.evaluate('[localStorage.length, sessionStorage.length, document.cookie]')).toEqual([0, 0, '']);
    expect(await page.context().cookies()).toEqual([]);
    const session = await context.db.session.findFirstOrThrow({ where: { userId: person.user.id } });
    expect(session.endedAt).toBeNull();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('User name').waitFor();
    expect((await context.db.session.findFirstOrThrow({ where: { id: session.id } })).endedAt).not.toBeNull();
    expect(faults).toEqual([]);
  });

  it('begins again as somebody else', async () => {
    const { page } = await open();
    await page.getByLabel('User name').fill('somebody');
    await next(page);
    await page.getByRole('button', { name: 'Use another account' }).click();
    await page.getByLabel('User name').waitFor();
    await page.getByLabel('User name').fill(person.username);
    await next(page);
    await page.locator('input[name=password]').fill(password);
    await next(page);
    await page.getByRole('heading', { name: 'Welcome' }).waitFor();
  });
});
