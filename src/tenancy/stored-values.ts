/**
 * Settings and branding are stored as what somebody set, without defaults: a default that changes with a version
 * changes for all who never touched it. Changes are merge patches (RFC 7396), except that null stays a value.
 */
import { z } from 'zod';

export type StoredObject = Record<string, unknown>;

/** A schema in which every field may be left out, at every level, and no default is filled in. */
export function sparse(schema: z.ZodObject): z.ZodObject {
  return z.strictObject(Object.fromEntries(Object.entries(schema.shape).map(([name, field]) => {
    const inner = withoutDefault(field as z.ZodType);
    const described = (inner instanceof z.ZodObject ? sparse(inner) : inner).optional();
    const description = (field as z.ZodType).description;
    return [name, description === undefined ? described : described.describe(description)];
  })));
}

function withoutDefault(field: z.ZodType): z.ZodType {
  return field instanceof z.ZodDefault || field instanceof z.ZodPrefault ? withoutDefault(field.unwrap() as z.ZodType) : field;
}

/** Lays `patch` over `stored`. Objects that the schema describes are merged, all else (also records) is replaced. */
export function mergeInto(schema: z.ZodObject, stored: StoredObject, patch: StoredObject): StoredObject {
  const merged = { ...stored };
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    const field = schema.shape[name] as z.ZodType | undefined;
    const inner = field && withoutDefault(field);
    merged[name] = inner instanceof z.ZodObject ? mergeInto(inner, asObject(stored[name]), asObject(value)) : value;
  }
  return merged;
}

/**
 * Reads stored values and fills in defaults. Fields that this version does not know are passed over: during a rolling
 * upgrade the next version may have written them.
 */
export function readStored<Schema extends z.ZodObject>(schema: Schema, stored: unknown): z.output<Schema> {
  return schema.parse(onlyKnown(schema, asObject(stored)));
}

function onlyKnown(schema: z.ZodObject, stored: StoredObject): StoredObject {
  return Object.fromEntries(Object.entries(stored).flatMap(([name, value]) => {
    const field = schema.shape[name] as z.ZodType | undefined;
    if (!field) return [];
    const inner = withoutDefault(field);
    return [[name, inner instanceof z.ZodObject ? onlyKnown(inner, asObject(value)) : value]];
  }));
}

function asObject(value: unknown): StoredObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as StoredObject : {};
}
