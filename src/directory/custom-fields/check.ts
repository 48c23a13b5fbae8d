/** Whether values would be taken for a user, asked before there is a transaction: forms say what is wrong at once. */
import { Problem, resultOrProblem, type FieldError } from '../../core/errors.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { loadCustomFields } from './definitions.ts';
import type { CustomFieldValues } from './schemas.ts';
import { applyValues } from './values.ts';

/** Give no `before` for a new user: then what is required must be there. Empty when all is well. */
export async function findCustomFieldFaults(context: InstanceContext, change: CustomFieldValues, before?: Parameters<typeof applyValues>[1]['before']): Promise<readonly FieldError[]> {
  const fields = await loadCustomFields(context);
  const result = resultOrProblem(() => applyValues(fields, { before, change }));
  return result instanceof Problem ? result.errors ?? [] : [];
}
