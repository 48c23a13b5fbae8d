/**
 * One-time codes and links. Each belongs to one flow, purpose and method, and to the destination that it was sent to; it
 * lives for minutes, takes five tries, and is used once. A newer one voids it, as does a change of the address.
 *
 * The rows are the same for who does not exist: their destination is nobody, and so nothing that is typed matches.
 */
import { randomInt } from 'node:crypto';
import { newId } from '../core/ids.ts';
import { randomToken } from '../core/secrets.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { Method } from './types.ts';

/** What a challenge is for: one that was made for something else is none here. */
export interface ChallengeOf {
  readonly flowId: string;
  /** `first_factor`, `second_factor`, or the step that asks for it. */
  readonly purpose: string;
  readonly method: Method;
  readonly credentialId?: string | undefined;
}

/** Whose address it goes to, and which. Undefined: nobody, with the same writes. */
export interface Destination { readonly userId: string; readonly address: string }

export interface NewChallenge extends ChallengeOf {
  readonly destination: Destination | undefined;
  /** `link`: a token that nobody could type. */
  readonly kind: 'code' | 'link';
  readonly lifetimeSeconds: number;
}

export interface IssuedChallenge {
  readonly id: string;
  /** The digits, or the token of a link (`{id}.{secret}`). Shown to nobody but the destination. */
  readonly code: string;
  readonly expiresAt: Date;
}

/**
 * Makes a code or link in the transaction that also queues its message; older ones of the same flow, purpose and method
 * are void. Two at once wait for each other (the flow's row is locked): one of them then finds that it is too soon.
 * Returns from when on another may be asked for, when it is too soon.
 */
export async function issueChallenge(tx: InstanceContext, { destination, kind, lifetimeSeconds, ...of }: NewChallenge): Promise<IssuedChallenge | { readonly retryAt: Date }> {
  await tx.db.$queryRaw`SELECT 1 FROM "Flow" WHERE "instanceId" = ${tx.instance.id} AND id = ${of.flowId} FOR UPDATE`;
  const now = tx.now();
  const last = await findLast(tx, of);
  const retryAt = last && resendAt(tx, last.createdAt);
  if (retryAt && retryAt > now) return { retryAt };
  await tx.db.challenge.updateMany({ where: { ...whereOf(of), consumedAt: null }, data: { consumedAt: now } });
  const id = newId('chal', now.getTime());
  const secret = kind === 'code' ? digits(tx.instance.settings.methods.codeLength) : randomToken();
  const expiresAt = new Date(now.getTime() + lifetimeSeconds * 1_000);
  await tx.db.challenge.create({ data: {
    id, ...whereOf(of), destinationHash: destinationHash(tx, of.method, destination), codeHash: hash(tx, id, secret), sends: (last?.sends ?? 0) + 1, createdAt: now, expiresAt } });
  return { id, code: kind === 'code' ? secret : `${id}.${secret}`, expiresAt };
}

const digits = (length: number) => String(randomInt(10 ** length)).padStart(length, '0');

/**
 * Whether the code is right: each try is paid for before it is compared, and of many at once one wins. `destination` is
 * what the person has now.
 */
export async function consumeChallenge(context: InstanceContext, of: ChallengeOf, destination: Destination | undefined, typed: string): Promise<boolean> {
  const row = await findLast(context, of);
  return row !== undefined && await consume(context, row.id, { ...of, destination }, (paid) => isHashOf(context, row.id, secretIn(row.id, typed), paid.codeHash));
}

/** The same for the short code that a link showed on another device. */
export async function consumePairing(context: InstanceContext, of: ChallengeOf, destination: Destination | undefined, typed: string): Promise<boolean> {
  const row = await findLast(context, of);
  return row !== undefined && await consume(context, row.id, { ...of, destination }, (paid) => paid.pairingHash !== null && isHashOf(context, row.id, digitsOf(typed), paid.pairingHash));
}

interface Paid { readonly codeHash: string; readonly pairingHash: string | null; readonly destinationHash: string | null }

async function consume(context: InstanceContext, id: string, { destination, ...of }: ChallengeOf & Pick<NewChallenge, 'destination'>, isRight: (paid: Paid) => boolean): Promise<boolean> {
  const now = context.now();
  const [paid] = await context.db.$queryRaw<Paid[]>`
    UPDATE "Challenge" SET "attemptsLeft" = "attemptsLeft" - 1
     WHERE "instanceId" = ${context.instance.id} AND id = ${id} AND "consumedAt" IS NULL AND "attemptsLeft" > 0 AND "expiresAt" > ${now}
    RETURNING "codeHash", "pairingHash", "destinationHash"`;
  if (!paid) return false;
  const isTheirs = destination !== undefined && context.core.keyring.verifyHmac('challenge-destination', destinationText(context, of.method, destination), paid.destinationHash ?? '');
  // Both are compared for everybody, so that nobody's takes the same time.
  if (!isRight(paid) || !isTheirs) return false;
  const { count } = await context.db.challenge.updateMany({ where: { id, consumedAt: null }, data: { consumedAt: now } });
  return count === 1;
}

export interface SentChallenge { readonly id: string; readonly resendAt: Date; readonly expiresAt: Date; readonly isPaired: boolean }

/** What is on its way in this flow, for its page; undefined: nothing that could still be answered. */
export async function findSent(context: InstanceContext, of: ChallengeOf): Promise<SentChallenge | undefined> {
  const row = await findLast(context, of);
  const isOpen = row !== undefined && row.consumedAt === null && row.expiresAt > context.now() && row.attemptsLeft > 0;
  return isOpen ? { id: row.id, resendAt: resendAt(context, row.createdAt), expiresAt: row.expiresAt, isPaired: row.pairingHash !== null } : undefined;
}

/** The challenge of a link, while it can be used. Changes nothing: mail scanners open links too. */
export async function findByLink(context: InstanceContext, purpose: string, method: Method, token: string): Promise<{ id: string; flowId: string } | undefined> {
  const [id = '', secret = ''] = token.split('.');
  const row = await context.db.challenge.findFirst({ where: { id, purpose, method, consumedAt: null, attemptsLeft: { gt: 0 }, expiresAt: { gt: context.now() } } });
  return row && isHashOf(context, row.id, secret, row.codeHash) ? { id: row.id, flowId: row.flowId } : undefined;
}

/** A short code to be typed where the sign-in was begun; each showing makes another one. Undefined: used or too old. */
export async function pairChallenge(context: InstanceContext, id: string): Promise<string | undefined> {
  const code = digits(context.instance.settings.methods.codeLength);
  const { count } = await context.db.challenge.updateMany({
    where: { id, consumedAt: null, attemptsLeft: { gt: 0 }, expiresAt: { gt: context.now() } }, data: { pairingHash: hash(context, id, code) } });
  return count === 1 ? code : undefined;
}

const findLast = async (context: InstanceContext, of: ChallengeOf) =>
  await context.db.challenge.findFirst({ where: whereOf(of), orderBy: [{ createdAt: 'desc' }, { id: 'desc' }] }) ?? undefined;

const whereOf = ({ flowId, purpose, method, credentialId }: ChallengeOf) => ({ flowId, purpose, method, credentialId: credentialId ?? null });
const resendAt = (context: InstanceContext, sentAt: Date) => new Date(sentAt.getTime() + context.instance.settings.methods.resendSeconds * 1_000);

const digitsOf = (typed: string) => typed.replace(/[\s-]/g, '');
const secretIn = (id: string, typed: string) => (typed.startsWith(`${id}.`) ? typed.slice(id.length + 1) : digitsOf(typed));

const text = (context: InstanceContext, id: string, secret: string) => `${context.instance.id}\n${id}\n${secret}`;
const hash = (context: InstanceContext, id: string, secret: string) => context.core.keyring.hmac('challenge', text(context, id, secret));
const isHashOf = (context: InstanceContext, id: string, secret: string, mac: string) => context.core.keyring.verifyHmac('challenge', text(context, id, secret), mac);

const destinationText = (context: InstanceContext, method: Method, { userId, address }: Destination) => `${context.instance.id}\n${method}\n${userId}\n${address}`;
const destinationHash = (context: InstanceContext, method: Method, destination: Destination | undefined) =>
  context.core.keyring.hmac('challenge-destination', destination ? destinationText(context, method, destination) : randomToken());
