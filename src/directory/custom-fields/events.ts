import type { NewEvent } from '../../events/index.ts';
import type { CustomField } from './definitions.ts';
import { viewCustomField } from './view.ts';

const event = (type: string, { before, after }: { before?: CustomField; after?: CustomField }): NewEvent => ({
  type, subject: { type: 'custom_field', id: (after ?? before)?.id ?? '' },
  ...(before && { before: viewCustomField(before) }), ...(after && { after: viewCustomField(after) }),
});

export const customFieldCreated = (after: CustomField) => event('custom_field.created', { after });
export const customFieldUpdated = (before: CustomField, after: CustomField) => event('custom_field.updated', { before, after });
export const customFieldDeleted = (before: CustomField) => event('custom_field.deleted', { before });
