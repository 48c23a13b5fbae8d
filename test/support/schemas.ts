/** What a route takes, read from its zod schemas: example bodies and the names of all fields, so that tests know of every field. */
import { z } from 'zod';
import type { DeclaredRoute } from '../../src/core/http/access.ts';

type RouteSchema = { body?: unknown; querystring?: unknown; params?: unknown; headers?: unknown } | undefined;

/** One part of a route's schema. */
export function schemaOf(route: DeclaredRoute, part: 'body' | 'querystring' | 'params' | 'headers'): z.ZodType | undefined {
  const schema = (route.schema as RouteSchema)?.[part];
  return schema instanceof z.ZodType ? schema : undefined;
}

export interface Field {
  /** Names from the outside in; list members are skipped. */
  readonly path: readonly string[];
  readonly schema: z.ZodType;
}

/** All fields of a schema, also nested ones. */
export function fieldsOf(schema: z.ZodType | undefined, path: readonly string[] = []): Field[] {
  const inner = schema && unwrap(schema);
  if (inner instanceof z.ZodArray) return fieldsOf(inner.element as z.ZodType, path);
  if (!(inner instanceof z.ZodObject)) return [];
  return Object.entries(inner.shape as Record<string, z.ZodType>).flatMap(([name, field]) => [{ path: [...path, name], schema: field }, ...fieldsOf(field, [...path, name])]);
}

/** The schema without what makes it optional. */
export function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodNonOptional) return unwrap(schema.unwrap() as z.ZodType);
  return schema;
}

/** A body that the route takes: its schema's own example. */
export function exampleOf(route: DeclaredRoute): unknown {
  const schema = schemaOf(route, 'body');
  if (!schema) return undefined;
  const [example] = (schema.meta()?.['examples'] ?? []) as unknown[];
  if (example !== undefined) return example;
  const further = furtherExamples[`${route.method} ${route.url}`];
  if (further === undefined) throw new Error(`${route.method} ${route.url} has no example: give its schema one (.meta({ examples })), or add it to test/support/schemas.ts`);
  return further;
}

const furtherExamples: Record<string, unknown> = {
  'PUT /t/:instance/api/v1/users/:userId/password': { password: 'seven violins in a marmalade engine' },
  'PATCH /platform/v1/instances/:instanceId': { name: 'Renamed' },
};
