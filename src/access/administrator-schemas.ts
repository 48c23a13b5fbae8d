/** Administrators and their roles as the REST API takes and shows them. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../core/http/paging.ts';
import { text } from '../core/http/text.ts';
import { idPattern } from '../core/ids.ts';
import { userIdSchema } from '../directory/index.ts';
import { builtInRoleIds } from './roles.ts';

export const administratorRoleIdSchema = z.union([z.enum(builtInRoleIds), z.string().regex(idPattern('arole'), 'must be a built-in role or the id of a role, such as arole_01k9v6z3x4p5q6r7s8t9v0w1x2')])
  .describe(`A built-in role (${builtInRoleIds.join(', ')}) or the id of one of the instance's own.`);
const unitIdSchema = z.string().regex(/^ou_(root|[0-9a-hjkmnp-tv-z]{26})$/, 'must be the id of an organizational unit, such as ou_01k9v6z3x4p5q6r7s8t9v0w1x2');
const permissionSchema = z.string().max(100).regex(/^[a-z]+(-[a-z]+)*(\.[a-z]+(-[a-z]+)*)+$/, 'must be the name of a permission, such as directory.users.read');
const permissionsSchema = z.array(permissionSchema).min(1).max(500).describe('Names of permissions; `GET /administrator-permissions` lists them. Only those that you hold everywhere yourself.');
const descriptionSchema = text(500);

export const createAdministratorRoleSchema = z.strictObject({
  name: text(80).describe('Unique; names that look alike count as one.'),
  description: descriptionSchema.nullish(),
  permissions: permissionsSchema,
}).meta({ id: 'CreateAdministratorRole', examples: [{ name: 'Reception', description: 'Creates users and helps them in', permissions: ['directory.users.read', 'directory.users.manage'] }] });
export type CreateAdministratorRole = z.infer<typeof createAdministratorRoleSchema>;

export const updateAdministratorRoleSchema = createAdministratorRoleSchema.partial()
  .meta({ id: 'UpdateAdministratorRole', description: 'Only what is named changes; null clears (RFC 7396). `permissions` is replaced as a whole.', examples: [{ permissions: ['directory.users.read'] }] });
export type UpdateAdministratorRole = z.infer<typeof updateAdministratorRoleSchema>;

export const administratorRoleSchema = z.object({
  id: administratorRoleIdSchema,
  name: z.string(),
  description: z.string().nullable(),
  permissions: z.array(z.string()).describe('`*` alone: all there are and will be.'),
  builtIn: z.boolean().describe('Part of the product: cannot be changed.'),
}).meta({ id: 'AdministratorRole', examples: [{ id: 'arole_01k9v6z3x4p5q6r7s8t9v0w1x2', name: 'Reception', description: 'Creates users and helps them in', permissions: ['directory.users.manage', 'directory.users.read'], builtIn: false }] });
export const administratorRolePage = pageOf(administratorRoleSchema).meta({ id: 'AdministratorRolePage' });
export const administratorRoleParams = z.object({ administratorRoleId: administratorRoleIdSchema });

export const permissionPage = z.object({
  items: z.array(z.object({ name: z.string(), scopes: z.array(z.string()).describe('The scopes that its routes need besides.') })), next: z.null(),
}).meta({ id: 'AdministratorPermissionPage' });

export const listAdministratorsQuery = z.strictObject({ userId: userIdSchema.optional(), role: administratorRoleIdSchema.optional(), ...pageQuery.shape });
export const administratorSchema = z.object({
  userId: userIdSchema,
  role: z.string().describe('A built-in role or the id of one of the instance\'s own. One that this version does not know, from a newer one, gives nothing.'),
  organizationalUnitIds: z.array(z.string()).nullable().describe('Where the role counts: in the subtrees of these units. Null: everywhere.'),
  createdAt: z.string(),
}).meta({ id: 'Administrator' });
export const administratorPage = pageOf(administratorSchema).meta({ id: 'AdministratorPage' });
export const administratorParams = z.object({ userId: userIdSchema, role: administratorRoleIdSchema });

export const assignAdministratorRoleSchema = z.strictObject({
  organizationalUnitIds: z.array(unitIdSchema).min(1).max(100).optional().describe('The role counts in the subtrees of these units only. Left out: everywhere.'),
}).meta({ id: 'AssignAdministratorRole', examples: [{ organizationalUnitIds: ['ou_01k9v6z3x4p5q6r7s8t9v0w1x2'] }] });
