import { omit } from '../../core/omit.ts';
import type { CustomField } from './definitions.ts';

/** As the REST API and the event log show it. */
export function viewCustomField(field: CustomField) {
  return {
    ...omit(field, 'hasForm', 'isUnique', 'version'),
    unique: field.isUnique,
    createdAt: field.createdAt.toISOString(),
    updatedAt: field.updatedAt.toISOString(),
  };
}
