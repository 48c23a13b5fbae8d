/**
 * Searches (§8). A page looks at so many candidates and no more, so it may hold fewer results than its limit, or none,
 * and still have a next one. Candidates are those whom an assignment could let in; each is then judged as by an evaluation.
 */
import { decodeCursor, encodeCursor } from '../../core/http/paging.ts';
import { listApplications } from '../../applications/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { effectiveRoles, effectiveRolesOfMany } from '../application-roles/effective-roles.ts';
import { findNamedApplication, judge, judgeOpening, mayAskAboutAll, openAction, rejectForeignApplication, rolePrefix } from './judge.ts';
import { type ActionSearch, mostResults, type ResourceSearch, type SubjectSearch } from './schemas.ts';

const defaultLimit = 50;

interface Found<Result> { page: { next_token: string; count: number }; results: Result[] }
type Entity = { type: string; id: string };

const pageOf = <Result>(results: Result[], next = ''): Found<Result> => ({ page: { next_token: next, count: results.length }, results });

/** §8.4 */
export async function searchSubjects(context: InstanceContext, { subject, action, resource, context: facts, page }: SubjectSearch): Promise<Found<Entity>> {
  const application = resource.type === 'application' ? await findNamedApplication(context, resource.id) : undefined;
  rejectForeignApplication(context, application);
  if (subject.type !== 'user' || !application?.enabled) return pageOf([]);
  const { keyring } = context.core;
  const scope = `${context.instance.id}/search/subject/${application.id}/${action.name}`;
  const [after] = decodeCursor(keyring, scope, page?.token) ?? [];
  const limit = page?.limit ?? defaultLimit;
  const ids = await candidates(context, after === undefined ? '' : String(after), limit);
  const promising = await withRole(context, application.id, action.name, ids);
  const judged = await Promise.all(promising.map(async (id) => ({ id, ...await judge(context, { subject: { type: 'user', id }, action, resource, context: facts }) })));
  const last = ids.at(-1);
  return pageOf(judged.filter(({ decision }) => decision).map(({ id }) => ({ type: 'user', id })), ids.length === limit && last !== undefined ? encodeCursor(keyring, scope, [last]) : '');
}

/** Of these people those who have the role that is asked about, in few statements: most of them mostly have not. */
async function withRole(context: InstanceContext, applicationId: string, action: string, ids: readonly string[]): Promise<readonly string[]> {
  if (!action.startsWith(rolePrefix)) return ids;
  const roles = await effectiveRolesOfMany(context, applicationId, ids);
  return ids.filter((_id, index) => roles[index]?.some(({ key }) => `${rolePrefix}${key}` === action) ?? false);
}

/** People who may act, by id. */
async function candidates(context: InstanceContext, after: string, limit: number): Promise<string[]> {
  const rows = await context.db.user.findMany({ where: { id: { gt: after }, status: 'enabled' }, orderBy: { id: 'asc' }, take: limit, select: { id: true } });
  return rows.map(({ id }) => id);
}

/** §8.5 */
export async function searchResources(context: InstanceContext, { subject, action, resource, context: facts, page }: ResourceSearch): Promise<Found<Entity>> {
  const { principal } = context;
  if (resource.type !== 'application') return pageOf([]);
  const asked = async (ids: string[]) => (await Promise.all(ids.map(async (id) => ({ id, ...await judge(context, { subject, action, resource: { type: 'application', id }, context: facts }) }))))
    .filter(({ decision }) => decision).map(({ id }) => ({ type: 'application', id }));
  if (!mayAskAboutAll(context)) return pageOf(principal.kind === 'application' ? await asked([principal.id]) : []);
  const { items, next } = await listApplications(context, { limit: page?.limit ?? defaultLimit, cursor: page?.token, enabled: 'true' });
  return pageOf(await asked(items.map(({ id }) => id)), next ?? '');
}

/** §8.6: opening it, and the roles that the person has in it. */
export async function searchActions(context: InstanceContext, { subject, resource, context: facts }: ActionSearch): Promise<Found<{ name: string }>> {
  const application = resource.type === 'application' ? await findNamedApplication(context, resource.id) : undefined;
  rejectForeignApplication(context, application);
  if (subject.type !== 'user' || !application?.enabled) return pageOf([]);
  if (!(await judgeOpening(context, application, subject.id, facts)).decision) return pageOf([]);
  const roles = await effectiveRoles(context, application.id, subject.id);
  return pageOf([{ name: openAction }, ...roles.slice(0, mostResults * 10).map(({ key }) => ({ name: `${rolePrefix}${key}` }))]);
}
