import { key, type InstanceContext } from '../tenancy/index.ts';
import { fromRow, type Application } from './application.ts';
import { applicationNotFound } from './errors.ts';

/** Reads with a row lock, so that what a change finds is the truth until it commits. @throws Problem 404 */
export async function loadApplicationForUpdate(tx: InstanceContext, applicationId: string): Promise<Application> {
  await tx.db.$queryRaw`SELECT 1 FROM "Application" WHERE "instanceId" = ${tx.instance.id} AND "id" = ${applicationId} FOR UPDATE`;
  const row = await tx.db.application.findUnique({ where: key(tx, applicationId) });
  if (!row) throw applicationNotFound();
  return fromRow(row);
}
