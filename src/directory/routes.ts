/** What the folder serves and what it does in the background. */
import type { FastifyInstance } from 'fastify';
import type { Core } from '../core/core.ts';
import { registerProofKinds } from '../core/proof-registry.ts';
import { forEachInstance, prepareNewInstances } from '../tenancy/index.ts';
import { registerRemoval } from './custom-fields/removal.ts';
import { customFields } from './custom-fields/routes.ts';
import { registerRuleJob, resumeRuleRuns } from './groups/apply-rule.ts';
import { groups } from './groups/routes.ts';
import { invitationProofKinds } from './invitations/proof-kinds.ts';
import { invitations } from './invitations/routes.ts';
import { createRootOrganizationalUnit } from './organizational-units/root.ts';
import { organizationalUnits } from './organizational-units/routes.ts';
import { eraseDueUsers } from './recycle.ts';
import { recycledUsers } from './recycled-routes.ts';
import { users } from './user-routes.ts';

/** `/api/v1/users`, `/recycled-users`, `/custom-fields`, `/invitations`, `/organizational-units` and `/groups`. */
export async function directory(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  prepareNewInstances(core, createRootOrganizationalUnit);
  registerProofKinds(core, ...invitationProofKinds);
  registerRuleJob(core);
  app.addHook('onListen', () => resumeRuleRuns(core, { stalledFor: 0 }));
  registerRemoval(core);
  core.jobs.schedule('directory.erase-recycled-users', '23 * * * *', () => forEachInstance(core, async (context) => { await eraseDueUsers(context); }));
  await app.register(users, { prefix: '/api/v1/users' });
  await app.register(recycledUsers, { prefix: '/api/v1/recycled-users' });
  await app.register(customFields, { prefix: '/api/v1/custom-fields' });
  await app.register(invitations, { prefix: '/api/v1/invitations' });
  await app.register(organizationalUnits);
  await app.register(groups);
}
