import { isUniqueViolation } from '../core/database.ts';
import { Prisma } from '../generated/prisma/client.ts';
import { customFieldTaken } from './custom-fields/errors.ts';
import { identifierTaken } from './errors.ts';
import type { UpdateUser } from './schemas.ts';

/** The database has the last word: two requests may pass the check at the same time. */
export async function refusingTwins<Result>(user: UpdateUser, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (isUniqueViolation(error)) throw ofCustomField(error) ? customFieldTaken(Object.keys(user.customFields ?? {})) : identifierTaken((['username', 'email', 'phone'] as const).filter((field) => user[field]));
    throw error;
  }
}

export const ofCustomField = (error: unknown): boolean => error instanceof Prisma.PrismaClientKnownRequestError && error.meta?.['modelName'] === 'CustomFieldValue';
