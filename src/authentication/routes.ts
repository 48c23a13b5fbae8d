import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Core } from '../core/core.ts';
import { offerSecondFactors, onAdministratorMade, rejectActingOnHigher, secondFactorMethods } from '../access/index.ts';
import type { RouteAccess } from '../core/http/access.ts';
import { answers, noContent } from '../core/http/answers.ts';
import { registerProofKinds } from '../core/proof-registry.ts';
import { loadUser, onUserClosing, rejectChangeOutsideLimit, rejectOutsideLimit, type User } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import { endSessionsOfClosedUser, usersWithSessions } from './closed-accounts.ts';
import { credentialRoutes } from './credential-routes.ts';
import { findFactor } from './factors/index.ts';
import { registerFlowOrigin } from './flow/origins.ts';
import { invitationOrigin } from './invitation-links.ts';
import { passkeyRoutes } from './passkeys/routes.ts';
import { setPassword } from './passwords.ts';
import { authenticationProofKinds } from './proof-kinds.ts';
import { readNewEvents } from './event-reader.ts';
import { tellHook, tellJob } from './hooks/after.ts';
import { purgeHooks } from './hooks/purge.ts';
import { hookRoutes } from './hooks/routes.ts';
import { recoveryOrigin } from './recovery/links.ts';
import { recoveryRoutes } from './recovery/routes.ts';
import { registrationRoutes } from './registration/routes.ts';
import { termsRoutes } from './terms/routes.ts';
import { purgeAll } from './purge.ts';
import { riskRoutes } from './risk/routes.ts';
import { endedSessionsSchema, listSessionsQuery, sessionDetailSchema, sessionPage, sessionParams, setPasswordSchema, setupLinkSchema, userParams } from './schemas.ts';
import { listSessions, loadSessionDetail, sessionNotFound } from './session-list.ts';
import { end, endAllOfUser } from './sessions.ts';
import { selfServiceOrigin } from './self-service/flows.ts';
import { createSetupLink, setupOrigin, voidSetupLinks } from './setup-links.ts';

const read: RouteAccess = { credential: 'bearer', scope: 'session:read', permission: 'authentication.sessions.read', limit: 'organizational-units' };
const manage: RouteAccess = { credential: 'bearer', scope: 'session:manage', permission: 'authentication.sessions.manage', limit: 'organizational-units' };
const managePasswords: RouteAccess = { credential: 'bearer', scope: 'user:manage', permission: 'directory.users.manage', limit: 'organizational-units', sensitive: true };
const reset: RouteAccess = { credential: 'bearer', scope: 'user:manage', permission: 'directory.users.reset', limit: 'organizational-units', sensitive: true };

/** `/api/v1/sessions`, and what belongs to a user: sessions and password. */
export async function authentication(app: FastifyInstance, { core }: { core: Core }): Promise<void> {
  registerProofKinds(core, ...authenticationProofKinds);
  registerFlowOrigin(core, setupOrigin);
  registerFlowOrigin(core, selfServiceOrigin);
  registerFlowOrigin(core, invitationOrigin);
  registerFlowOrigin(core, recoveryOrigin);
  offerSecondFactors(core, secondFactorMethods.filter((method) => findFactor(core, method) !== undefined));
  core.jobs.schedule('authentication.purge', '*/10 * * * *', () => purgeAll(core));
  core.jobs.schedule('authentication.purge-hooks', '51 * * * *', () => purgeHooks(core));
  core.jobs.schedule('authentication.read-events', '* * * * *', () => readNewEvents(core));
  core.jobs.work(tellJob, (job) => tellHook(core, job), { retryLimit: 5, retryDelaySeconds: 10, concurrency: 5 });
  onUserClosing(core, endSessionsOfClosedUser, usersWithSessions);
  onAdministratorMade(core, voidSetupLinks);
  await app.register(sessions, { prefix: '/api/v1/sessions' });
  await app.register(hookRoutes, { prefix: '/api/v1/flow-hooks' });
  await app.register(riskRoutes, { core, prefix: '/api/v1' });
  await app.register(registrationRoutes, { prefix: '/api/v1/registrations' });
  await app.register(recoveryRoutes, { prefix: '/api/v1/recovery-requests' });
  await app.register(passkeyRoutes, { core });
  await app.register(termsRoutes, { prefix: '/api/v1/terms' });
  await app.register(credentialRoutes, { prefix: '/api/v1/users/:userId' });
  await app.register(ofUser, { prefix: '/api/v1/users/:userId' });
}

async function sessions(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();
  const tags = ['Sessions'];

  routes.get('', {
    schema: { operationId: 'listSessions', summary: 'List sessions, newest first', tags, querystring: listSessionsQuery, response: answers({ 200: sessionPage }) },
    config: { access: read },
  }, ({ instanceContext: context, query }) => listSessions(context, query));

  routes.get('/:sessionId', {
    schema: { operationId: 'getSession', summary: 'Read a session', description: 'With the applications that take part and how their logout notices went.', tags, params: sessionParams, response: answers({ 200: sessionDetailSchema }) },
    config: { access: read },
  }, async ({ instanceContext: context, params }) => {
    const session = await loadSessionDetail(context, params.sessionId);
    await rejectOutsideLimit(context, session.userId, sessionNotFound);
    return session;
  });

  routes.delete('/:sessionId', {
    schema: { operationId: 'endSession', summary: 'End a session', description: 'Its applications are notified. A session that has ended stays as it is. That of an administrator is ended by who may make administrators.', tags, params: sessionParams, response: answers({ 204: noContent }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params }, reply) => {
    const { userId } = await loadSessionDetail(context, params.sessionId);
    await rejectChangeOutsideLimit(context, [userId], sessionNotFound);
    await rejectActingOnHigher(context, [userId]);
    await end(context, params.sessionId, 'administrator');
    return reply.code(204).send();
  });
}

async function ofUser(app: FastifyInstance): Promise<void> {
  const routes = app.withTypeProvider<ZodTypeProvider>();

  routes.delete('/sessions', {
    schema: { operationId: 'endUserSessions', summary: 'End all sessions of a user', tags: ['Sessions'], params: userParams, response: answers({ 200: endedSessionsSchema }) },
    config: { access: manage },
  }, async ({ instanceContext: context, params }) => {
    const user = await loadUserToAct(context, params.userId);
    return { ended: await endAllOfUser(context, user.id, 'administrator') };
  });

  routes.put('/password', {
    schema: { operationId: 'setPassword', summary: 'Set the password of a user', description: 'Ends all sessions of the user. For an administrator it also needs the scope administrator:manage.', tags: ['Users'], params: userParams, body: setPasswordSchema, response: answers({ 204: noContent }) },
    config: { access: managePasswords },
  }, async ({ instanceContext: context, params, body }, reply) => {
    const user = await loadUserToAct(context, params.userId);
    await setPassword(context, user, body);
    return reply.code(204).send();
  });

  routes.post('/setup-link', {
    schema: { operationId: 'createSetupLink', summary: 'Make a link with which a user sets a new password', description: 'For the help desk: works once, for a day, and earlier ones stop. Give it to nobody but the user. That of an administrator is made by who may make administrators.', tags: ['Users'], params: userParams, response: answers({ 201: setupLinkSchema }) },
    config: { access: reset },
  }, async ({ instanceContext: context, params }, reply) => {
    const user = await loadUserToAct(context, params.userId);
    const { url, expiresAt } = await createSetupLink(context, user.id);
    return reply.code(201).header('cache-control', 'no-store').send({ url, expiresAt: expiresAt.toISOString() });
  });
}

/** For what makes it possible to become the user, or shuts the user out. @throws Problem 404, 403 */
async function loadUserToAct(context: InstanceContext, userId: string): Promise<User> {
  const user = await loadUser(context, userId);
  await rejectChangeOutsideLimit(context, [userId]);
  await rejectActingOnHigher(context, [userId]);
  return user;
}
