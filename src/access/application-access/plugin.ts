import type { FastifyInstance } from 'fastify';
import type { Core } from '../../core/core.ts';
import { onGroupUse, onOrganizationalUnitUse } from '../../directory/index.ts';
import { forEachInstance } from '../../tenancy/index.ts';
import { removeEndedAccess } from './ended-access.ts';
import { watchAccess } from './may-open.ts';
import { applicationAccessRoutes } from './routes.ts';

/** Who may open which application. */
export async function applicationAccess(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  watchAccess(core);
  // A group or unit that applications are assigned to is not deleted before that is taken back.
  onGroupUse(core, async (tx, groupId) => [{ kind: 'application assignments', count: await tx.db.applicationAccess.count({ where: { groupId } }) }]);
  onOrganizationalUnitUse(core, async (tx, organizationalUnitId) => [{ kind: 'application assignments', count: await tx.db.applicationAccess.count({ where: { organizationalUnitId } }) }]);
  core.jobs.schedule('access.remove-ended-application-access', '41 * * * *', () => forEachInstance(core, removeEndedAccess));
  await app.register(applicationAccessRoutes, { prefix: '/api/v1/applications/:applicationId/access' });
}
