/** Browsers: a random cookie each, to bind flows to and to know again. Being known signs in nobody. */
import { newId } from '../core/ids.ts';
import { randomToken, sha256 } from '../core/secrets.ts';
import { key, type InstanceContext } from '../tenancy/index.ts';
import { browserCookie } from './cookies.ts';

/** Most accounts that a browser keeps for the account chooser. */
const keptAccounts = 8;

export interface Browser { readonly id: string; readonly accounts: readonly string[] }

/** The browser of a cookie. Changes nothing. */
export async function findBrowser(context: InstanceContext, browserToken: string | undefined): Promise<Browser | undefined> {
  if (browserToken === undefined || browserToken === '') return undefined;
  const row = await context.db.browser.findUnique({
    where: { instanceId_tokenHash: { instanceId: context.instance.id, tokenHash: sha256(browserToken) } } });
  return row ?? undefined;
}

/** The browser of a cookie, or a new one with the cookie to set. */
export async function findOrCreateBrowser(context: InstanceContext, browserToken: string | undefined): Promise<{ browser: Browser; setCookies: string[] }> {
  const known = await findBrowser(context, browserToken);
  if (known) {
    await context.db.browser.updateMany({
      where: { id: known.id, lastSeenAt: { lt: new Date(context.now().getTime() - 86_400_000) } }, data: { lastSeenAt: context.now() } });
    return { browser: known, setCookies: [] };
  }
  const token = randomToken();
  const browser = await context.db.browser.create({
    data: { id: newId('brow'), tokenHash: sha256(token), firstSeenAt: context.now(), lastSeenAt: context.now() } });
  return { browser, setCookies: [browserCookie(context, token)] };
}

/** Waits until no other sign-in of this browser is being completed (the lock goes with the transaction). */
export async function lockBrowser(tx: InstanceContext, browserId: string): Promise<void> {
  await tx.db.$queryRaw`SELECT id FROM "Browser" WHERE "instanceId" = ${tx.instance.id} AND id = ${browserId} FOR UPDATE`;
}

/** Notes that this account signed in here: from now on strangers cannot lock its owner out of this browser. */
export async function rememberSignIn(tx: InstanceContext, browserId: string, userId: string, keepAccount: boolean): Promise<void> {
  const known = { userId, browserId };
  await tx.db.knownBrowser.upsert({
    where: { instanceId_userId_browserId: { instanceId: tx.instance.id, ...known } },
    create: { ...known, lastSignInAt: tx.now() }, update: { lastSignInAt: tx.now() } });
  if (!keepAccount) return;
  const browser = await tx.db.browser.findUniqueOrThrow({ where: key(tx, browserId) });
  const accounts = [userId, ...browser.accounts.filter((id) => id !== userId)].slice(0, keptAccounts);
  await tx.db.browser.update({ where: key(tx, browserId), data: { accounts } });
}

export async function isKnownBrowser(context: InstanceContext, browserId: string | undefined, userId: string | undefined): Promise<boolean> {
  // Asked for unknown names too, so that they cost the same.
  const count = await context.db.knownBrowser.count({ where: { browserId: browserId ?? '', userId: userId ?? '' } });
  return count > 0;
}
