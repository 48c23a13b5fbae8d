/** `/api/v1/applications/{applicationId}/access`: who may open it. */
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { loadApplication } from '../../applications/index.ts';
import type { RouteAccess } from '../../core/http/access.ts';
import { answers, noContent } from '../../core/http/answers.ts';
import { entityTag, ifMatchHeader } from '../../core/http/entity-tag.ts';
import { loadUser } from '../../directory/index.ts';
import { referenceFields, refusalOf, subjectKindOf } from '../application-roles/assignments.ts';
import { addAccess, type AccessChanges, removeAccess } from './change-access.ts';
import { accessNotFound } from './errors.ts';
import { type ListedAccess, listAccess } from './list-access.ts';
import { type AccessReason, accessReasons } from './may-open.ts';
import {
  accessAssignmentPage, accessChangesSchema, accessSchema, addAccessSchema, listAccessQuery, ofApplication, ofSubject, ofUser, putAccessAssignmentSchema, putAccessSchema, removeAccessSchema, userAccessSchema,
} from './schemas.ts';
import { putAccessMode, readAccessSettings } from './settings.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'application:read', permission: 'access.applications.read' };
const manage: RouteAccess = { credential: 'bearer', scope: 'application:manage', permission: 'access.applications.manage' };
/** Of subjects, those within the limit. */
const readSubjects: RouteAccess = { ...read, limit: 'organizational-units' };
const manageSubjects: RouteAccess = { ...manage, limit: 'organizational-units' };

const tags = ['Application access'];
const ofRows = 'Up to 1,000 rows. A row that cannot be applied is told in `results` and leaves the others alone, unless `allOrNothing`.';

export async function applicationAccessRoutes(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.get('', {
    schema: { operationId: 'getApplicationAccess', summary: 'Read whether an application is open to everyone', tags, params: ofApplication, response: answers({ 200: accessSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params: { applicationId } }, reply) => {
    await loadApplication(context, applicationId);
    const { mode, version } = await readAccessSettings(context, applicationId);
    return reply.header('etag', entityTag(version)).send({ mode });
  });

  routes.put('', {
    schema: { operationId: 'putApplicationAccess', summary: 'Open an application to everyone, or to those it is assigned to', description: 'Assignments stay either way. Who loses access gets no new tokens within a second.', tags, params: ofApplication, headers: ifMatchHeader, body: putAccessSchema, response: answers({ 200: accessSchema }, 412) },
    config: { access: manage },
  }, async ({ instanceContext: context, params: { applicationId }, body, headers }, reply) => {
    const { mode, version } = await putAccessMode(context, applicationId, body.mode, { ifMatch: headers['if-match'] });
    return reply.header('etag', entityTag(version)).send({ mode });
  });

  routes.get('/assignments', {
    schema: { operationId: 'listApplicationAccess', summary: 'List whom an application is assigned to', tags, params: ofApplication, querystring: listAccessQuery, response: answers({ 200: accessAssignmentPage }) },
    config: { access: readSubjects },
  }, async ({ instanceContext: context, params: { applicationId }, query }) => {
    await loadApplication(context, applicationId);
    const page = await listAccess(context, applicationId, query);
    return { items: page.items.map(viewAccess), next: page.next };
  });

  routes.post('/assignments', {
    schema: { operationId: 'addApplicationAccess', summary: 'Assign an application to users, groups and organizational units', description: ofRows, tags, params: ofApplication, body: addAccessSchema, response: answers({ 200: accessChangesSchema }) },
    config: { access: manageSubjects },
  }, async ({ instanceContext: context, params: { applicationId }, body }) => viewChanges(await addAccess(context, applicationId, body.rows, body)));

  routes.post('/assignments/remove', {
    schema: { operationId: 'removeApplicationAccess', summary: 'Take an application away from users, groups and organizational units', description: ofRows, tags, params: ofApplication, body: removeAccessSchema, response: answers({ 200: accessChangesSchema }) },
    config: { access: manageSubjects },
  }, async ({ instanceContext: context, params: { applicationId }, body }) => viewChanges(await removeAccess(context, applicationId, body.rows, body)));

  routes.put('/assignments/:subjectId', {
    schema: { operationId: 'putApplicationAccessAssignment', summary: 'Assign an application to a user, group or organizational unit', tags, params: ofSubject, body: putAccessAssignmentSchema, response: answers({ 204: noContent }) },
    config: { access: manageSubjects },
  }, async ({ instanceContext: context, params: { applicationId, subjectId }, body }, reply) => {
    await refuseFailure(addAccess(context, applicationId, [{ ...referenceOf(subjectId), ...body }]));
    return reply.code(204).send();
  });

  routes.delete('/assignments/:subjectId', {
    schema: { operationId: 'deleteApplicationAccessAssignment', summary: 'Take an application away from a user, group or organizational unit', tags, params: ofSubject, response: answers({ 204: noContent }) },
    config: { access: manageSubjects },
  }, async ({ instanceContext: context, params: { applicationId, subjectId } }, reply) => {
    if (await refuseFailure(removeAccess(context, applicationId, [referenceOf(subjectId)])) === 0) throw accessNotFound();
    return reply.code(204).send();
  });

  routes.get('/users/:userId', {
    schema: { operationId: 'getUserApplicationAccess', summary: 'Read whether a user may open an application, and why', tags, params: ofUser, response: answers({ 200: userAccessSchema }) },
    config: { access: readSubjects },
  }, async ({ instanceContext: context, params: { applicationId, userId } }) => {
    await loadApplication(context, applicationId);
    await loadUser(context, userId);
    const { mode } = await readAccessSettings(context, applicationId);
    const reasons = await accessReasons(context, applicationId, userId);
    return { allowed: mode === 'everyone' || reasons.length > 0, mode, reasons: reasons.map(viewReason) };
  });
}

/** For a single subject a failed row is a refusal of its own. @returns how much was changed */
async function refuseFailure(change: Promise<AccessChanges>): Promise<number> {
  const { changes, results } = await change;
  const failure = results[0]?.error;
  if (failure) throw refusalOf(failure);
  return changes;
}

const referenceOf = (subjectId: string) => ({ [referenceFields[subjectKindOf(subjectId)]]: subjectId });
const viewAccess = (row: ListedAccess) => ({ ...row, expiresAt: row.expiresAt?.toISOString() ?? null, createdAt: row.createdAt.toISOString() });
const viewReason = (reason: AccessReason) => ({ ...reason, expiresAt: reason.expiresAt?.toISOString() ?? null });
const viewChanges = ({ changes, failed, results }: AccessChanges) => ({ changes, failed, results: [...results] });
