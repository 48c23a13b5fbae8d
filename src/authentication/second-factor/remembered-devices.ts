/**
 * Browsers where a person is not asked for a second factor again for a while. A row belongs to one user and one browser
 * (known by its random cookie, browsers.ts): with another user or in another browser it says nothing.
 */
import { newId } from '../../core/ids.ts';
import { append } from '../../events/index.ts';
import type { RememberedDevice } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Method, Proof } from '../types.ts';
import { describeAgent } from './agent.ts';
import { deviceRemembered, devicesForgotten } from './events.ts';

const day = 86_400_000;

/** The proof that a remembered browser stands for; undefined: none, forgotten, too old, or not wanted any more. */
export async function findDeviceProof(context: InstanceContext, browserId: string | null, userId: string): Promise<Proof | undefined> {
  const { rememberDays } = context.instance.settings.secondFactor;
  if (rememberDays === 0 || browserId === null) return undefined;
  const row = await context.db.rememberedDevice.findFirst({ where: { userId, browserId, ...live(context) } });
  // A setting that was lowered meanwhile holds for what was remembered before.
  if (!row || row.provenAt.getTime() + rememberDays * day <= context.now().getTime()) return undefined;
  return {
    method: 'remembered_device', authenticator: row.id, categories: ['possession'], amr: [], phishingResistant: false,
    provenAt: row.provenAt, use: 'sign_in', standsFor: row.methods as Method[] };
}

/** Whether a device that a session was made with still counts. */
export async function isRemembered(context: InstanceContext, userId: string, deviceId: string): Promise<boolean> {
  return await context.db.rememberedDevice.count({ where: { id: deviceId, userId, ...live(context) } }) > 0;
}

const live = (context: InstanceContext) => ({ revokedAt: null, expiresAt: { gt: context.now() } });

/** Remembers the browser for what was shown there now; what it was remembered for before is replaced. */
export async function rememberDevice(tx: InstanceContext, { userId, browserId, methods }: { userId: string; browserId: string; methods: readonly Method[] }): Promise<void> {
  const { rememberDays } = tx.instance.settings.secondFactor;
  const now = tx.now();
  await tx.db.rememberedDevice.updateMany({ where: { userId, browserId, revokedAt: null }, data: { revokedAt: now } });
  const device = await tx.db.rememberedDevice.create({
    data: {
      id: newId('rdev', now.getTime()), userId, browserId, methods: [...methods], provenAt: now, name: describeAgent(tx.userAgent),
      address: tx.address ?? null, createdAt: now, expiresAt: new Date(now.getTime() + rememberDays * day) } });
  await append(tx, deviceRemembered(device));
}

export const noteDeviceUse = (tx: InstanceContext, deviceId: string) =>
  tx.db.rememberedDevice.updateMany({ where: { id: deviceId }, data: { lastUsedAt: tx.now() } });

/** All live ones of a user, newest first. */
export const listDevices = (context: InstanceContext, userId: string): Promise<RememberedDevice[]> =>
  context.db.rememberedDevice.findMany({ where: { userId, ...live(context) }, orderBy: { id: 'desc' }, take: 100 });

/** Forgets one device, or all of a user. Returns how many were forgotten. */
export async function forgetDevices(context: InstanceContext, userId: string, reason: 'person' | 'administrator' | 'password_changed' | 'factor_removed', deviceId?: string): Promise<number> {
  return context.transaction(async (tx) => {
    const forgotten = await tx.db.rememberedDevice.updateManyAndReturn({
      where: { userId, ...(deviceId !== undefined && { id: deviceId }), revokedAt: null }, data: { revokedAt: tx.now() }, select: { id: true } });
    if (forgotten.length > 0) await append(tx, devicesForgotten(userId, forgotten.map(({ id }) => id), reason));
    return forgotten.length;
  });
}
