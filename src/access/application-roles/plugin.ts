import type { FastifyInstance } from 'fastify';
import type { Core } from '../../core/core.ts';
import { forEachInstance } from '../../tenancy/index.ts';
import { roleBatchRoutes } from './batch-routes.ts';
import { resumeRoleBatches, workRoleBatches } from './batch-work.ts';
import { ciamRoleRoutes } from './ciam-routes.ts';
import { watchRoles } from './effective-roles.ts';
import { removeEndedAssignments } from './ended-assignments.ts';
import { applicationRoleRoutes } from './routes.ts';
import { subjectRoleRoutes } from './subject-routes.ts';
import { describeRoleUses } from './uses.ts';

/** Application roles with all their routes and jobs. */
export async function applicationRoles(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  watchRoles(core);
  describeRoleUses(core);
  workRoleBatches(core);
  core.jobs.schedule('access.remove-ended-role-assignments', '37 * * * *', () => forEachInstance(core, removeEndedAssignments));
  app.addHook('onListen', () => resumeRoleBatches(core, { stalledFor: 0 }));
  await app.register(applicationRoleRoutes, { prefix: '/api/v1/applications/:applicationId/roles' });
  await app.register(subjectRoleRoutes, { prefix: '/api/v1' });
  await app.register(ciamRoleRoutes, { prefix: '/api/v1/ciam/applications/:applicationId/roles' });
  await app.register(roleBatchRoutes, { prefix: '/api/v1/ciam/applications/:applicationId/role-batches' });
}
