/** `/api/v1/ciam/applications/{applicationId}/roles/…`: what other systems keep roles in step by, a thousand rows a call. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { applicationIdSchema, loadApplication } from '../../applications/index.ts';
import { Problem } from '../../core/errors.ts';
import { answers } from '../../core/http/answers.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { changeAssignments, type Changes, type RowResult } from './change-assignments.ts';
import { assignRolesSchema, changesSchema, diffRolesSchema, effectiveAnswerSchema, effectiveQuerySchema, replaceRolesSchema, revokeRolesSchema } from './ciam-schemas.ts';
import { effectiveRolesOfMany } from './effective-roles.ts';
import { isFailure, resolveSubjects } from './resolve.ts';
import { manageAssignments, readAssignments } from './routes.ts';
import type { Operation, Row } from './rows.ts';
import { viewEffectiveRole } from './subject-routes.ts';

const params = z.object({ applicationId: applicationIdSchema });
const tags = ['CIAM roles'];
const ofRows = 'Up to 1,000 rows; each has its own result, and one that cannot be applied leaves the others alone. Of two rows that name the same the later wins. Asking for what is there changes nothing.';

export async function ciamRoleRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.post('/assign', {
    schema: { operationId: 'ciamAssignRoles', summary: 'Give roles', description: ofRows, tags, params, body: assignRolesSchema, response: answers({ 200: changesSchema }) },
    config: { access: manageAssignments },
  }, ({ instanceContext: context, params: { applicationId }, body }) => change(context, applicationId, 'assign', body.rows, body));

  routes.post('/revoke', {
    schema: { operationId: 'ciamRevokeRoles', summary: 'Take roles back', description: ofRows, tags, params, body: revokeRolesSchema, response: answers({ 200: changesSchema }) },
    config: { access: manageAssignments },
  }, ({ instanceContext: context, params: { applicationId }, body }) => change(context, applicationId, 'revoke', body.rows, body));

  routes.post('/replace', {
    schema: { operationId: 'ciamReplaceRoles', summary: 'Set all roles of each subject', description: `Roles of the application that the subject itself has and the row does not name are taken back. ${ofRows}`, tags, params, body: replaceRolesSchema, response: answers({ 200: changesSchema }) },
    config: { access: manageAssignments },
  }, ({ instanceContext: context, params: { applicationId }, body }) => change(context, applicationId, 'replace', body.rows, body));

  routes.post('/diff', {
    schema: { operationId: 'ciamDiffRoles', summary: 'Compare what subjects are to have with what they have', description: `The wanted roles in, the changes out; with \`apply\` they are made. ${ofRows}`, tags, params, body: diffRolesSchema, response: answers({ 200: changesSchema }) },
    config: { access: manageAssignments },
  }, ({ instanceContext: context, params: { applicationId }, body }) => change(context, applicationId, 'replace', body.rows, { allOrNothing: body.allOrNothing, dryRun: !body.apply }));

  routes.post('/effective', {
    schema: { operationId: 'ciamListEffectiveRoles', summary: 'Read the roles that users have in effect, and why', tags, params, body: effectiveQuerySchema, response: answers({ 200: effectiveAnswerSchema }) },
    config: { access: readAssignments },
  }, async ({ instanceContext: context, params: { applicationId }, body }) => {
    await loadApplication(context, applicationId);
    const subjects = await resolveSubjects(context, body.users, { lock: false });
    const userIds = subjects.map((subject) => (isFailure(subject) ? '' : subject.id));
    const known = userIds.filter((id) => id !== '');
    const roles = new Map((await effectiveRolesOfMany(context, applicationId, known)).map((list, at) => [known[at], list]));
    return { results: subjects.map((subject, row) => (isFailure(subject) ? { row, error: subject } : { row, userId: subject.id, roles: (roles.get(subject.id) ?? []).map(viewEffectiveRole) })) };
  });
}

interface Options { readonly allOrNothing: boolean; readonly dryRun?: boolean }

async function change(context: InstanceContext, applicationId: string, operation: Operation, rows: readonly Row[], { allOrNothing, dryRun = false }: Options) {
  await loadApplication(context, applicationId);
  const changes = await context.transaction(async (tx) => {
    const made = await changeAssignments(tx, applicationId, operation, rows, { dryRun });
    if (allOrNothing && made.results.some(({ failure }) => failure)) throw rowsRefused(made);
    return made;
  });
  if (!dryRun) changes.forget();
  const failed = changes.results.filter(({ failure }) => failure).length;
  return { applied: !dryRun, changes: changes.count, failed, results: changes.results.map(viewResult) };
}

function viewResult({ failure, subject, assigned, changed, revoked }: RowResult, row: number) {
  if (failure) return { row, status: 'failed' as const, error: { code: failure.code, detail: failure.detail } };
  const lists = { ...(assigned.length > 0 && { assigned }), ...(changed.length > 0 && { changed }), ...(revoked.length > 0 && { revoked }) };
  return { row, status: Object.keys(lists).length > 0 ? 'changed' as const : 'unchanged' as const, ...(subject && { subjectId: subject.id }), ...lists };
}

const rowsRefused = ({ results }: Changes) => new Problem({
  status: 409, code: 'Operation.Failure.Rows.Refused', detail: 'Nothing was changed, because some rows cannot be applied; see results.',
  members: { results: results.map(viewResult).filter(({ status }) => status === 'failed') },
});
