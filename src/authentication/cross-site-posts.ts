/**
 * POSTs from other sites (form_post answers, SAML, authorization requests) come without our Lax cookies. They are kept
 * sealed for a minute under a handle, answered with 303 to a GET that carries the cookies, and taken once.
 */
import { networkOf } from '../core/addresses.ts';
import { randomToken, sha256 } from '../core/secrets.ts';
import { Problem } from '../core/errors.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { crossSitePostSeconds } from './proof-kinds.ts';

/** Checked before anything is stored; the forms of our protocols are far smaller. */
const maximumBytes = 128 * 1_024;

const perAddress = { ratePerSecond: 5, burst: 100 };

/**
 * Keeps a body for `target`, the address that will take it. Returns the handle.
 * @throws Problem 413 when it is too large, 429 when the address sends too many
 */
export async function storeCrossSitePost(context: InstanceContext, target: string, body: string): Promise<string> {
  if (Buffer.byteLength(body) > maximumBytes) throw new Problem({ status: 413, code: 'Params.Illegal', detail: 'The form is too large.' });
  const decision = await context.core.rateLimiter.take(`cross-site-post:${context.instance.id}:${networkOf(context.address)}`, perAddress);
  if (!decision.allowed) throw new Problem({ status: 429, code: 'Operation.Failure.Too.Many.Attempts', detail: 'Too many forms were sent from your network.', headers: { 'retry-after': String(decision.retryAfterSeconds) } });
  const handle = randomToken();
  // The row is found by the handle's hash and opens only with the handle: the table alone shows nothing.
  const id = rowId(handle);
  await context.db.crossSitePost.create({
    data: { id, target, sealedBody: context.core.keyring.seal(body, place(context, handle)), expiresAt: new Date(context.now().getTime() + crossSitePostSeconds * 1_000) } });
  return handle;
}

/** Takes it once. Undefined: unknown, taken, too old, or kept for another address. */
export async function takeCrossSitePost(context: InstanceContext, target: string, handle: string): Promise<string | undefined> {
  const [row] = await context.db.crossSitePost.updateManyAndReturn({
    where: { id: rowId(handle), target, consumedAt: null, expiresAt: { gt: context.now() } }, data: { consumedAt: context.now() } });
  return row && context.core.keyring.open(row.sealedBody, place(context, handle)).toString('utf8');
}

const rowId = (handle: string) => `post_${sha256(handle)}`;
const place = (context: InstanceContext, handle: string) => `${context.instance.id}/CrossSitePost/${handle}/body`;
