/**
 * Every change of who has which roles of an application, for one row or a thousand, in the caller's transaction. A row
 * that cannot be applied leaves the others alone. Rows count in their order: of two that name the same, the later wins.
 * Asking for what is there changes nothing and writes no event.
 */
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { announceRoles, forgetRoles } from './effective-roles.ts';
import { type AssignmentChange, assignmentEvents, type Terms } from './events.ts';
import { isFailure, noRole, resolveRoles, resolveSubjects, type RoleName, type RowFailure, type Subject } from './resolve.ts';
import type { Operation, Row } from './rows.ts';
import { comparePairs, inOrder, insertPairs, lockReplacing, nameOfPair, type Pair, readOwn, readPairs, removePairs, type StoredAssignment, updatePairs } from './write.ts';

export interface RowResult {
  readonly failure?: RowFailure;
  readonly subject?: Subject;
  /** Keys of roles. */
  readonly assigned: string[];
  /** Got another end, or another reach. */
  readonly changed: string[];
  readonly revoked: string[];
}

export interface Changes {
  readonly results: readonly RowResult[];
  /** Assignments that were made, changed or taken back. */
  readonly count: number;
  /** After the commit: this server need not wait for its own signal. */
  forget(): void;
}

export interface ChangeOptions {
  /** Finds what would change, and changes nothing. */
  readonly dryRun?: boolean;
  /** The upload that the rows are of. */
  readonly batchId?: string;
}

interface Plan { readonly row: RowResult; readonly subject: Subject; readonly pairs: readonly Pair[] }

/** What one kind of operation found to do; but for updates, and unless it is a dry run, it is done by then. */
interface Work { readonly insert: readonly Pair[]; readonly update: readonly { pair: Pair; before: Terms }[]; readonly remove: readonly StoredAssignment[] }

/** @throws nothing for rows that do not fit: their result says why */
export async function changeAssignments(tx: InstanceContext, applicationId: string, operation: Operation, rows: readonly Row[], options: ChangeOptions = {}): Promise<Changes> {
  const lock = !options.dryRun;
  if (operation === 'replace' && lock) await lockReplacing(tx, applicationId);
  const roles = await resolveRoles(tx, applicationId, rows.flatMap((row) => row.roles), { lock });
  const subjects = await resolveSubjects(tx, rows, { lock });
  const { results, plans } = plan(rows, roles, subjects);
  const work = operation === 'assign' ? { ...await findAssigned(tx, lastOfEach(plans), !lock), remove: [] }
    : operation === 'revoke' ? await findRevoked(tx, plans, !lock) : await findReplaced(tx, applicationId, plans, !lock);
  if (!options.dryRun) await updatePairs(tx, work.update.map(({ pair }) => pair));
  const changes = changesOf(work, rolesById(roles, await loadFurther(tx, applicationId, roles, work.remove)));
  report(changes, plans);
  if (!options.dryRun && changes.length > 0) {
    await append(tx, ...assignmentEvents(changes, options.batchId));
    await announceRoles(tx, subjectIdsOf(changes));
  }
  return { results, count: changes.length, forget: () => { forgetRoles(tx, subjectIdsOf(changes)); } };
}

const subjectIdsOf = (changes: readonly AssignmentChange[]) => [...new Set(changes.map(({ subjectId }) => subjectId))];

function plan(rows: readonly Row[], roles: ReadonlyMap<string, RoleName>, subjects: readonly (Subject | RowFailure)[]): { results: RowResult[]; plans: Plan[] } {
  const plans: Plan[] = [];
  const results = rows.map((row, at): RowResult => {
    const subject = subjects[at];
    const missing = row.roles.find((reference) => !roles.has(reference));
    const none = { assigned: [], changed: [], revoked: [] };
    if (subject === undefined || isFailure(subject)) return { ...none, ...(subject && { failure: subject }) };
    if (missing !== undefined) return { ...none, failure: noRole(missing) };
    const terms: Terms = { expiresAt: row.expiresAt ? new Date(row.expiresAt) : null, withDescendants: row.withDescendants ?? false };
    if (terms.withDescendants && subject.kind !== 'organizational_unit') return { ...none, failure: onlyUnits };
    const result: RowResult = { subject, assigned: [], changed: [], revoked: [] };
    const named = new Set(row.roles.flatMap((reference) => roles.get(reference) ?? []));
    plans.push({ row: result, subject, pairs: [...named].map((role) => ({ name: nameOfPair(role.id, subject.id), role, subject, terms })) });
    return result;
  });
  return { results, plans };
}

const onlyUnits: RowFailure = { code: 'Params.Illegal', detail: 'withDescendants is for organizational units only.' };

/** The last pair of each role and subject, sorted. */
function lastOfEach(plans: readonly Plan[]): Pair[] {
  const last = new Map<string, Pair>();
  for (const { pairs } of plans) for (const pair of pairs) last.set(pair.name, pair);
  return inOrder(last.values());
}

/** Inserts what is not there at once, unless it is a dry run; the rest is compared. */
async function findAssigned(tx: InstanceContext, wanted: readonly Pair[], dryRun: boolean): Promise<Omit<Work, 'remove'>> {
  const insert: Pair[] = [];
  const update: { pair: Pair; before: Terms }[] = [];
  let left = wanted;
  // A pair that stood in the way of the insert may be taken back before it is read: then it is inserted after all. Each
  // further try means that somebody else has committed.
  for (let tries = 0; left.length > 0; tries += 1) {
    if (tries === 100) throw new Error('role assignments changed faster than they could be written');
    const present = dryRun ? left : await insertPairs(tx, left);
    const presentNames = new Set(present.map(({ name }) => name));
    insert.push(...left.filter(({ name }) => !presentNames.has(name)));
    if (present.length === 0) break;
    const differences = await comparePairs(tx, present, { lock: !dryRun });
    for (const { pair, stored } of differences) if (stored) update.push({ pair, before: stored });
    left = differences.flatMap(({ pair, stored }) => (stored ? [] : pair));
    if (!dryRun) continue;
    insert.push(...left);
    break;
  }
  return { insert, update };
}

async function findRevoked(tx: InstanceContext, plans: readonly Plan[], dryRun: boolean): Promise<Work> {
  const named = lastOfEach(plans).map(({ role, subject }) => ({ roleId: role.id, subjectId: subject.id }));
  return { insert: [], update: [], remove: dryRun ? await readPairs(tx, named) : await removePairs(tx, named) };
}

async function findReplaced(tx: InstanceContext, applicationId: string, plans: readonly Plan[], dryRun: boolean): Promise<Work> {
  const last = [...new Map(plans.map((each) => [each.subject.id, each])).values()];
  const wanted = lastOfEach(last);
  const names = new Set(wanted.map(({ name }) => name));
  const surplus = (await readOwn(tx, applicationId, last.map(({ subject }) => subject))).filter((row) => !names.has(nameOfPair(row.roleId, row.subjectId)));
  return { ...await findAssigned(tx, wanted, dryRun), remove: dryRun ? surplus : await removePairs(tx, surplus) };
}

/** Roles that are taken away without having been named. */
async function loadFurther(tx: InstanceContext, applicationId: string, roles: ReadonlyMap<string, RoleName>, removed: readonly StoredAssignment[]): Promise<ReadonlyMap<string, RoleName>> {
  return resolveRoles(tx, applicationId, removed.map(({ roleId }) => roleId).filter((id) => !roles.has(id)), { lock: false });
}

const rolesById = (...maps: ReadonlyMap<string, RoleName>[]) => new Map(maps.flatMap((map) => [...map.values()]).map((role) => [role.id, role]));

function changesOf({ insert, update, remove }: Work, roles: ReadonlyMap<string, RoleName>): AssignmentChange[] {
  return [
    ...insert.map(({ role, subject, terms }): AssignmentChange => ({ kind: 'assigned', role, subjectId: subject.id, after: terms })),
    ...update.map(({ pair: { role, subject, terms }, before }): AssignmentChange => ({ kind: 'changed', role, subjectId: subject.id, before: { expiresAt: before.expiresAt, withDescendants: before.withDescendants }, after: terms })),
    ...remove.flatMap(({ roleId, subjectId, expiresAt, withDescendants }): AssignmentChange[] => {
      const role = roles.get(roleId);
      return role ? [{ kind: 'revoked', role, subjectId, before: { expiresAt, withDescendants } }] : [];
    }),
  ];
}

/** Tells each change to the last row that names its subject and role; for roles taken by a replacement, to the last of the subject. */
function report(changes: readonly AssignmentChange[], plans: readonly Plan[]): void {
  if (changes.length === 0) return;
  const lastOfSubject = new Map<string, Plan>();
  const lastOfPair = new Map<string, Plan>();
  for (const each of plans) {
    lastOfSubject.set(each.subject.id, each);
    for (const { name } of each.pairs) lastOfPair.set(name, each);
  }
  for (const { kind, role, subjectId } of changes) {
    (lastOfPair.get(nameOfPair(role.id, subjectId)) ?? lastOfSubject.get(subjectId))?.row[kind].push(role.key);
  }
}
