/** Organisational units and their members as the REST API takes and shows them. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { longText, text } from '../../core/http/text.ts';
import { idPattern } from '../../core/ids.ts';
import { memberUserSchema, userIdsSchema } from '../member-schemas.ts';
import { userIdSchema } from '../schemas.ts';
import { rootOrganizationalUnitId } from './root.ts';

export const organizationalUnitIdSchema = z.string()
  .regex(new RegExp(`^${rootOrganizationalUnitId}$|${idPattern('ou').source}`), 'must be the id of an organizational unit, such as ou_root or ou_01k9v6z3x4p5q6r7s8t9v0w1x2');

const profile = {
  name: text(120).describe('Unique among its siblings; names that look alike count as one.'),
  description: longText(500).nullable(),
  externalId: text(255).nullable().describe('The id in the system that the unit comes from.'),
};
const position = z.int().min(0).max(100_000).describe('Where among its siblings: those at this position or later move on by one. Default: last.');

export const createOrganizationalUnitSchema = z.strictObject({
  ...z.object(profile).partial().shape,
  name: profile.name,
  parentId: organizationalUnitIdSchema.default(rootOrganizationalUnitId),
  position: position.optional(),
}).meta({ id: 'CreateOrganizationalUnit', examples: [{ name: 'Sales', parentId: 'ou_root', externalId: 'D-1001' }] });
export type CreateOrganizationalUnit = z.input<typeof createOrganizationalUnitSchema>;

export const updateOrganizationalUnitSchema = z.strictObject(profile).partial()
  .meta({ id: 'UpdateOrganizationalUnit', description: 'Only what is named changes; null clears (RFC 7396).', examples: [{ name: 'Sales and service' }] });
export type UpdateOrganizationalUnit = z.infer<typeof updateOrganizationalUnitSchema>;

export const moveOrganizationalUnitSchema = z.strictObject({
  parentId: organizationalUnitIdSchema.optional().describe('The new parent; without it only the order changes.'),
  position: position.optional(),
}).meta({ id: 'MoveOrganizationalUnit', examples: [{ parentId: 'ou_root', position: 0 }] });
export type MoveOrganizationalUnit = z.infer<typeof moveOrganizationalUnitSchema>;

export const organizationalUnitSchema = z.object({
  id: organizationalUnitIdSchema,
  parentId: organizationalUnitIdSchema.nullable().describe('Null for the root.'),
  name: z.string(),
  description: z.string().nullable(),
  externalId: z.string().nullable(),
  position: z.int(),
  path: z.array(organizationalUnitIdSchema).describe('Ids from the root down to the unit itself.'),
  createdAt: z.string(),
  updatedAt: z.string(),
}).meta({ id: 'OrganizationalUnit' });

export const listOrganizationalUnitsQuery = z.strictObject({
  parentId: organizationalUnitIdSchema.optional().describe('Its children, in their order.'),
  within: organizationalUnitIdSchema.optional().describe('The unit and all below it, parents before children. Without it and without parentId: the whole tree.'),
  name: text(120).optional().describe('Units whose name starts with this; capitals and look-alikes do not count.'),
  externalId: text(255).optional(),
  ...pageQuery.shape,
}).refine(({ parentId, within }) => parentId === undefined || within === undefined, { path: ['within'], error: 'cannot be combined with parentId' });
export const organizationalUnitPage = pageOf(organizationalUnitSchema).meta({ id: 'OrganizationalUnitPage' });

export const listUnitMembersQuery = z.strictObject({
  descendants: z.enum(['true', 'false']).default('false').describe('Whether members of the units below count, too. Each user is listed once.'),
  ...pageQuery.shape,
});
export const unitMemberPage = pageOf(z.object({
  user: memberUserSchema,
  isPrimary: z.boolean().describe('Whether the user\'s primary unit is this one or, with descendants, one below it.'),
})).meta({ id: 'OrganizationalUnitMemberPage', description: 'A page can have fewer items than `limit` although more follow.' });

export const addUnitMembersSchema = z.strictObject({
  userIds: userIdsSchema,
  primary: z.boolean().default(false).describe('Makes this the primary unit of all of them. A user\'s first unit is primary anyway.'),
  leaveOthers: z.boolean().default(false).describe('Takes them out of all their other units.'),
}).meta({ id: 'AddOrganizationalUnitMembers' });

export const removeUnitMembersSchema = z.strictObject({ userIds: userIdsSchema }).meta({ id: 'RemoveOrganizationalUnitMembers' });

export const userUnitSchema = z.object({
  id: organizationalUnitIdSchema,
  name: z.string(),
  path: z.array(organizationalUnitIdSchema).describe('Ids from the root down to the unit itself.'),
  isPrimary: z.boolean(),
}).meta({ id: 'OrganizationalUnitOfUser' });
export const userUnitPage = pageOf(userUnitSchema).meta({ id: 'OrganizationalUnitOfUserPage' });

export const putUserUnitsSchema = z.strictObject({
  organizationalUnitIds: z.array(organizationalUnitIdSchema).max(100, 'must have at most 100 entries').refine((ids) => new Set(ids).size === ids.length, 'must not name a unit twice')
    .describe('The whole set. Empty: the user belongs to the root.'),
  primaryId: organizationalUnitIdSchema.optional().describe('One of them. Default: the one so far, else the first.'),
}).meta({ id: 'PutOrganizationalUnitsOfUser', examples: [{ organizationalUnitIds: ['ou_root'], primaryId: 'ou_root' }] });

export const putPrimaryUnitSchema = z.strictObject({ organizationalUnitId: organizationalUnitIdSchema }).meta({ id: 'PutPrimaryOrganizationalUnit' });
export const unitParams = z.object({ organizationalUnitId: organizationalUnitIdSchema });
export const unitMemberParams = unitParams.extend({ userId: userIdSchema });
