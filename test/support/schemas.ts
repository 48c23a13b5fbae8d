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

/** A body that the route takes: its schema's own example, else the smallest that its schema allows. */
export function exampleOf(route: DeclaredRoute): unknown {
  const schema = schemaOf(route, 'body');
  if (!schema) return undefined;
  const [example] = (schema.meta()?.['examples'] ?? []) as unknown[];
  return example ?? furtherExamples[`${route.method} ${route.url}`] ?? smallestOf(jsonSchemaOf(schema));
}

/** The query that the route cannot do without. */
export function smallestQueryOf(route: DeclaredRoute): string {
  const schema = schemaOf(route, 'querystring');
  const values = schema ? smallestOf(jsonSchemaOf(schema)) as Record<string, unknown> : {};
  const query = new URLSearchParams(Object.entries(values).map(([name, value]) => [name, String(value)])).toString();
  return query === '' ? '' : `?${query}`;
}

const furtherExamples: Record<string, unknown> = {
  'PUT /t/:instance/api/v1/users/:userId/password': { password: 'seven violins in a marmalade engine' },
  'PATCH /platform/v1/instances/:instanceId': { name: 'Renamed' },
};

interface JsonSchema {
  type?: string; format?: string; pattern?: string; enum?: unknown[]; const?: unknown; default?: unknown; minLength?: number; minimum?: number; minItems?: number;
  properties?: Record<string, JsonSchema>; required?: string[]; items?: JsonSchema; anyOf?: JsonSchema[]; oneOf?: JsonSchema[]; allOf?: JsonSchema[];
}
const jsonSchemaOf = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;

/** The prefix of the ids that a field takes, where its pattern tells one: `user` of `user_…`. */
export function idPrefixOf(schema: z.ZodType): string | undefined {
  return /"pattern":"\^\(?([a-z]+)_/.exec(JSON.stringify(jsonSchemaOf(schema)))?.[1];
}

function smallestOf(schema: JsonSchema): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const [choice] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (choice) return smallestOf(choice);
  if (schema.properties) return Object.fromEntries((schema.required ?? []).map((name) => [name, smallestOf(schema.properties?.[name] ?? {})]));
  switch (schema.type) {
    case 'object': return {};
    case 'array': return Array.from({ length: schema.minItems ?? 0 }, () => smallestOf(schema.items ?? {}));
    case 'integer': case 'number': return schema.minimum ?? 1;
    case 'boolean': return true;
    case 'null': return null;
    default: return smallestText(schema);
  }
}

function smallestText({ format, pattern, minLength = 0 }: JsonSchema): string {
  const prefix = /^\^\(?([a-z]+)_/.exec(pattern ?? '')?.[1];
  if (prefix) return `${prefix}_00000000000000000000000000`;
  switch (format) {
    case 'date-time': return '2099-01-01T00:00:00Z';
    case 'date': return '2099-01-01';
    case 'email': return 'example@example.com';
    case 'uri': return 'https://example.com/';
    default: return 'example'.padEnd(minLength, 'x');
  }
}
