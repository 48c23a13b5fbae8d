/** What role mappings and claims see, and as what type. */
import type { Application } from '../../applications/index.ts';
import { compileExpression, type Expression, type ExpressionDeclaration, type ExpressionType } from '../../core/expressions/index.ts';
import { type ExpressionUser, findUserById, loadCustomFields, loadMemberships, type Memberships, toExpressionUser } from '../../directory/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { findPerson } from '../policies/person.ts';

const strings: ExpressionType = { list: 'string' };

const user: ExpressionType = {
  object: {
    id: 'string', username: 'string', displayName: 'string', givenName: 'string', familyName: 'string', email: 'string', emailVerified: 'bool',
    phone: 'string', locale: 'string', timeZone: 'string', externalId: 'string', status: 'string',
    dict: { map: 'dyn' }, groups: strings, groupIds: strings, organizationalUnits: strings, organizationalUnitIds: strings,
  },
};
const application: ExpressionType = { object: { id: 'string', clientId: 'string', name: 'string' } };

const variables: Readonly<Record<string, ExpressionType>> = {
  user,
  /** As the vendor's expressions call the user of an application, and the application. */
  appUser: user,
  client: application,
  /** Keys of the roles in effect. */
  roles: strings,
  /** Names. */
  groups: strings,
  application,
};

const mapping: ExpressionDeclaration = { variables, result: ['string', strings] };
const claim: ExpressionDeclaration = { variables, result: 'dyn' };

/** @throws ExpressionError */
export const compileRoleMapping = (source: string): Expression => compileExpression(source, mapping);
/** @throws ExpressionError */
export const compileClaim = (source: string): Expression => compileExpression(source, claim);

export type ClaimApplication = Pick<Application, 'id' | 'clientId' | 'name'>;

/** From memory, asked again before a second is over; or what the database says now. */
export type Freshness = 'kept' | 'now';

/** The user as applications may know it: without custom fields that they are not to see. Undefined: there is none. */
export async function visibleUser(context: InstanceContext, userId: string, freshness: Freshness): Promise<ExpressionUser | undefined> {
  const memberships = await loadMemberships(context, userId);
  const whole = freshness === 'kept' ? await findPerson(context, userId) : await readPerson(context, userId, memberships);
  if (!whole) return undefined;
  const visible = await visibleFields(context);
  return {
    ...whole, dict: Object.fromEntries(Object.entries(whole.dict).filter(([key]) => visible.has(key))),
    // Changes of these are told at once, so they are newer than what is kept of the person.
    groups: memberships.groups.map(({ name }) => name), groupIds: memberships.groups.map(({ id }) => id),
    organizationalUnits: memberships.organizationalUnits.map(({ name }) => name), organizationalUnitIds: memberships.organizationalUnits.map(({ id }) => id),
  };
}

async function readPerson(context: InstanceContext, userId: string, memberships: Memberships): Promise<ExpressionUser | undefined> {
  const user = await findUserById(context, userId);
  return user && toExpressionUser(user, memberships, context.now());
}

/** The keys of custom fields that applications may see. */
export async function visibleFields(context: InstanceContext): Promise<ReadonlySet<string>> {
  const fields = await loadCustomFields(context);
  return new Set(fields.filter(({ state, visibleTo }) => state === 'active' && visibleTo === 'applications').map(({ key }) => key));
}
