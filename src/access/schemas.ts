/** Administrators as the REST API takes and shows them. */
import { z } from 'zod';
import { userIdSchema } from '../directory/index.ts';
import { roleNames } from './roles.ts';

const roleSchema = z.enum(roleNames).describe('`owner`: everything in the instance.');

export const administratorSchema = z.object({ userId: userIdSchema, role: roleSchema, createdAt: z.string() }).meta({ id: 'Administrator' });
export const administratorPage = z.object({ items: z.array(administratorSchema), next: z.null() });
export const administratorParams = z.object({ userId: userIdSchema, role: roleSchema });
