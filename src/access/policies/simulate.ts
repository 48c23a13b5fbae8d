/** What would be decided, and why: for trying a policy out before it acts on anybody. */
import { loadApplication } from '../../applications/index.ts';
import { parseAddress } from '../../core/addresses.ts';
import { loadUser } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { type CompiledPolicy, compilePolicies, readPolicies } from './compile.ts';
import { loadKnown } from './decide.ts';
import { addressRefused, policyNotFound } from './errors.ts';
import { type AccessDecision, evaluate, type PolicyExplanation } from './evaluate.ts';
import type { AccessPolicy } from './policy.ts';
import { draftPolicy } from './policies.ts';
import type { SimulateAccess } from './schemas.ts';
import { requireTargets } from './targets.ts';

/** Nothing is written, and nothing but policies is judged: not whether the account or the application is enabled. @throws Problem 400, 404 */
export async function simulateAccess(context: InstanceContext, asked: SimulateAccess): Promise<AccessDecision & { policies: readonly PolicyExplanation[] }> {
  const [user, application] = [await loadUser(context, asked.userId), await loadApplication(context, asked.applicationId)];
  const now = asked.time === undefined ? context.now() : new Date(asked.time);
  const policies = compilePolicies(await withDraft(context, asked)).policies;
  const facts = {
    userId: user.id, application, now, userAgent: asked.userAgent ?? context.userAgent,
    address: asked.address === undefined ? context.address : readPersonAddress(asked.address),
    session: {
      acr: asked.session?.acr ?? 'urn:postern:acr:single', amr: asked.session?.amr ?? ['pwd'],
      authTime: new Date(now.getTime() - (asked.session?.authAgeSeconds ?? 0) * 1_000),
    },
  };
  const explanation: PolicyExplanation[] = [];
  const decision = evaluate(policies, facts, await loadKnown(context, facts, needsOf(policies)), explanation);
  return { ...decision, policies: explanation };
}

/** The saved policies, with the one that is tried out in its place and enabled. */
async function withDraft(context: InstanceContext, { policy, policyId }: SimulateAccess): Promise<AccessPolicy[]> {
  const saved = await readPolicies(context);
  const replaced = saved.find(({ id }) => id === policyId);
  if (policyId !== undefined && !replaced) throw policyNotFound();
  if (!policy) return saved.map((one) => (one === replaced ? { ...one, status: 'enabled' } : one));
  const draft = draftPolicy(context, policy);
  await requireTargets(context, draft);
  return [...saved.filter((one) => one !== replaced), { ...draft, ...(replaced && { id: replaced.id, createdAt: replaced.createdAt }), status: 'enabled' }];
}

function needsOf(policies: readonly CompiledPolicy[]) {
  return { needsMemberships: policies.some((policy) => policy.needsMemberships), needsUser: policies.some((policy) => policy.needsUser), needsZones: true };
}

/** As it would arrive with a request; null is one that is not known. @throws Problem 400 */
export function readPersonAddress(text: string | null): string | undefined {
  if (text === null) return undefined;
  if (!parseAddress(text)) throw addressRefused();
  return text;
}

/** In the words of the REST API. */
export function viewDecision({ decision, policy, because, secondFactor }: AccessDecision) {
  return {
    decision, policy: policy ?? null, because,
    secondFactor: secondFactor ? { methods: [...secondFactor.methods], intervalSeconds: secondFactor.intervalSeconds } : null,
  };
}
