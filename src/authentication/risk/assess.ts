/** Assesses a sign-in once, after its first proof: measures, judges, and keeps both with the flow and in the list. */
import { newId } from '../../core/ids.ts';
import type { Prisma } from '../../generated/prisma/client.ts';
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { Situation } from '../flow/situation.ts';
import { advance } from '../flow/store.ts';
import { countAll, userKey } from './counters.ts';
import { riskAssessed } from './events.ts';
import { measure } from './measure.ts';
import { judge } from './policy.ts';
import { readRisk, type StoredRisk } from './stored.ts';

/** The effect `risk.assess`. False: another request was faster, and nothing was written. */
export async function assess(context: InstanceContext, { flow, user }: Situation): Promise<boolean> {
  const userId = user?.id;
  const { measurements, place } = await measure(context, flow, userId);
  const policy = context.instance.settings.risk;
  const judgement = judge(measurements, policy);
  const enforced = policy.mode === 'enforce';
  const id = newId('risk', context.now().getTime());
  const risk: StoredRisk = {
    ...readRisk(flow),
    assessment: {
      id, score: judgement.score, reasons: judgement.reasons.map(({ signal }) => signal),
      actions: judgement.actions.filter((action) => enforced || action === 'notify'),
      newDevice: measurements.new_device?.state === 'measured' && measurements.new_device.value > 0,
    } };
  const done = await context.transaction(async (tx) => {
    if (!await advance(tx, flow, { risk: risk as Prisma.InputJsonObject })) return false;
    await tx.db.riskAssessment.create({ data: {
      id, flowId: flow.id, userId: userId ?? null, applicationId: flow.applicationId, channel: flow.channel, purpose: flow.purpose, createdAt: tx.now(),
      address: tx.address ?? null, userAgent: tx.userAgent?.slice(0, 500) ?? null,
      country: place?.country ?? null, city: place?.city ?? null, latitude: place?.position?.latitude ?? null, longitude: place?.position?.longitude ?? null,
      measurements: measurements as Prisma.InputJsonObject, score: judgement.score, reasons: risk.assessment?.reasons ?? [], action: judgement.action, enforced } });
    if (judgement.score > 0) await append(tx, riskAssessed({ id, flowId: flow.id, userId, applicationId: flow.applicationId, enforced }, judgement));
    return true;
  });
  if (done && userId !== undefined) await countAll(context, [userKey(context, userId)]);
  return done;
}
