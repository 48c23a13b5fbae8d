/**
 * Assigns an application, and takes that back, for one subject or a thousand. A row that cannot be applied leaves the
 * others alone; of two that name the same subject the later wins. Asking for what is there changes nothing.
 */
import { Problem } from '../../core/errors.ts';
import { append } from '../../events/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { isFailure, resolveSubjects, type RowFailure, type Subject, type SubjectReference } from '../application-roles/resolve.ts';
import { type AccessChange, accessEvents, type Terms } from './events.ts';
import { announceAccess, forgetAccess } from './may-open.ts';
import type { AccessRow } from './schemas.ts';
import { lockApplication } from './settings.ts';

export interface AccessResult {
  readonly row: number;
  readonly status: AccessChange['kind'] | 'unchanged' | 'failed';
  readonly subjectId?: string;
  readonly error?: RowFailure;
}

export interface AccessChanges { readonly changes: number; readonly failed: number; readonly results: readonly AccessResult[] }

interface Stored extends Terms { readonly subjectId: string }
type Wanted = { readonly subject: Subject; readonly terms: Terms };

const onlyUnits: RowFailure = { code: 'Params.Illegal', detail: 'withDescendants is for organizational units only.' };

/** @throws Problem 404 (no such application), 409 (allOrNothing, and a row does not fit) */
export function addAccess(context: InstanceContext, applicationId: string, rows: readonly AccessRow[], options: { allOrNothing?: boolean } = {}): Promise<AccessChanges> {
  return changing(context, applicationId, rows, options, async (tx, wanted) => {
    const stored = new Map((await readStored(tx, applicationId, wanted)).map((row) => [row.subjectId, row]));
    const isNew = ({ subject }: Wanted) => !stored.has(subject.id);
    const differs = ({ subject, terms }: Wanted) => {
      const before = stored.get(subject.id);
      return before !== undefined && (before.withDescendants !== terms.withDescendants || before.expiresAt?.getTime() !== terms.expiresAt?.getTime());
    };
    await insert(tx, applicationId, wanted.filter(isNew));
    await update(tx, applicationId, wanted.filter(differs));
    return wanted.flatMap((one): AccessChange[] => {
      if (isNew(one)) return [{ kind: 'added', subjectId: one.subject.id, after: one.terms }];
      const before = stored.get(one.subject.id);
      return before && differs(one) ? [{ kind: 'changed', subjectId: one.subject.id, before, after: one.terms }] : [];
    });
  });
}

/** The same, to take access away. Subjects that do not have it themselves are left as they are. */
export function removeAccess(context: InstanceContext, applicationId: string, rows: readonly SubjectReference[], options: { allOrNothing?: boolean } = {}): Promise<AccessChanges> {
  return changing(context, applicationId, rows, options, async (tx, wanted) => {
    const stored = await readStored(tx, applicationId, wanted);
    await tx.db.$executeRaw`
      DELETE FROM "ApplicationAccess" WHERE "instanceId" = ${tx.instance.id} AND "applicationId" = ${applicationId} AND "subjectId" = ANY (${stored.map(({ subjectId }) => subjectId)}::text[])`;
    return stored.map(({ subjectId, ...before }): AccessChange => ({ kind: 'removed', subjectId, before }));
  });
}

async function changing(
  context: InstanceContext, applicationId: string, rows: readonly (AccessRow | SubjectReference)[], { allOrNothing = false }: { allOrNothing?: boolean },
  work: (tx: InstanceContext, wanted: readonly Wanted[]) => Promise<AccessChange[]>,
): Promise<AccessChanges> {
  const { changes, ...outcome } = await context.transaction(async (tx) => {
    await lockApplication(tx, applicationId);
    const subjects = (await resolveSubjects(tx, rows, { lock: true })).map((subject, at) => refuseTerms(subject, rows[at]));
    const wanted = new Map<string, Wanted>();
    for (const [at, subject] of subjects.entries()) {
      const terms = rows[at] as Partial<AccessRow> | undefined;
      if (!isFailure(subject)) wanted.set(subject.id, { subject, terms: { expiresAt: terms?.expiresAt ? new Date(terms.expiresAt) : null, withDescendants: terms?.withDescendants ?? false } });
    }
    const made = await work(tx, [...wanted.values()]);
    const results = resultsOf(subjects, made);
    const failed = results.filter(({ status }) => status === 'failed');
    if (allOrNothing && failed.length > 0) throw rowsRefused(failed);
    if (made.length > 0) {
      await append(tx, ...accessEvents(applicationId, made));
      await announceAccess(tx, made.map(({ subjectId }) => subjectId));
    }
    return { changes: made, failed: failed.length, results };
  });
  forgetAccess(context, changes.map(({ subjectId }) => subjectId));
  return { changes: changes.length, ...outcome };
}

const refuseTerms = (subject: Subject | RowFailure, row: AccessRow | SubjectReference | undefined): Subject | RowFailure =>
  (!isFailure(subject) && subject.kind !== 'organizational_unit' && row && 'withDescendants' in row && row.withDescendants ? onlyUnits : subject);

/** Each change is told to the last row that names its subject. */
function resultsOf(subjects: readonly (Subject | RowFailure)[], changes: readonly AccessChange[]): AccessResult[] {
  const kinds = new Map(changes.map(({ subjectId, kind }) => [subjectId, kind]));
  const last = new Map(subjects.flatMap((subject, at) => (isFailure(subject) ? [] : [[subject.id, at] as const])));
  return subjects.map((subject, row) => {
    if (isFailure(subject)) return { row, status: 'failed', error: subject };
    return { row, subjectId: subject.id, status: (last.get(subject.id) === row ? kinds.get(subject.id) : undefined) ?? 'unchanged' };
  });
}

function readStored(tx: InstanceContext, applicationId: string, wanted: readonly Wanted[]): Promise<Stored[]> {
  return tx.db.applicationAccess.findMany({
    where: { applicationId, subjectId: { in: wanted.map(({ subject }) => subject.id) } }, select: { subjectId: true, expiresAt: true, withDescendants: true }, orderBy: { subjectId: 'asc' } });
}

const idsOf = (kind: Subject['kind'], rows: readonly Wanted[]) => rows.map(({ subject }) => (subject.kind === kind ? subject.id : null));
const endsOf = (rows: readonly Wanted[]) => rows.map(({ terms }) => terms.expiresAt?.toISOString() ?? null);

async function insert(tx: InstanceContext, applicationId: string, rows: readonly Wanted[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.db.$executeRaw`
    INSERT INTO "ApplicationAccess" ("instanceId", "applicationId", "userId", "groupId", "organizationalUnitId", "expiresAt", "withDescendants", "createdAt")
    SELECT ${tx.instance.id}, ${applicationId}, w.*, ${tx.now()}::timestamptz
    FROM unnest(${idsOf('user', rows)}::text[], ${idsOf('group', rows)}::text[], ${idsOf('organizational_unit', rows)}::text[],
      ${endsOf(rows)}::timestamptz[], ${rows.map(({ terms }) => terms.withDescendants)}::boolean[]) AS w`;
}

/** An assignment that had ended begins anew. */
async function update(tx: InstanceContext, applicationId: string, rows: readonly Wanted[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.db.$executeRaw`
    UPDATE "ApplicationAccess" a SET "expiresAt" = w."ends", "withDescendants" = w."deep",
      "createdAt" = CASE WHEN a."expiresAt" <= ${tx.now()}::timestamptz THEN ${tx.now()}::timestamptz ELSE a."createdAt" END
    FROM unnest(${rows.map(({ subject }) => subject.id)}::text[], ${endsOf(rows)}::timestamptz[], ${rows.map(({ terms }) => terms.withDescendants)}::boolean[]) AS w("subject", "ends", "deep")
    WHERE a."instanceId" = ${tx.instance.id} AND a."applicationId" = ${applicationId} AND a."subjectId" = w."subject"`;
}

const rowsRefused = (results: readonly AccessResult[]) => new Problem({
  status: 409, code: 'Operation.Failure.Rows.Refused', detail: 'Nothing was changed, because some rows cannot be applied; see results.', members: { results },
});
