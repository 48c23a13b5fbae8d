/**
 * Makes the generated document short: one shared answer for each kind of refusal, no component that nothing refers to,
 * and plain names (the generator makes `CreateUserInput` beside `CreateUser`).
 */
import { STATUS_CODES } from 'node:http';
import type { OpenAPIV3_1 } from 'openapi-types';
import { omit } from '../omit.ts';

export type OpenApiDocument = Partial<OpenAPIV3_1.Document>;
type Schemas = Record<string, OpenAPIV3_1.SchemaObject>;

const reference = (kind: 'schemas' | 'responses' | 'parameters', name: string) => `#/components/${kind}/${name}`;

const idempotencyKey: OpenAPIV3_1.ParameterObject = {
  name: 'Idempotency-Key', in: 'header', schema: { type: 'string', maxLength: 255 },
  description: 'A name of your choice for this request: sent again with the same key and body, it gets the first answer instead of acting twice.',
};

export function tidyDocument(document: OpenApiDocument, securitySchemes: Record<string, OpenAPIV3_1.SecuritySchemeObject>): OpenApiDocument {
  const responses: Record<string, OpenAPIV3_1.ResponseObject> = {};
  const paths = mapOperations(document.paths ?? {}, (operation, method) => ({
    ...operation,
    ...(method === 'post' && operation.security?.some((scheme) => 'management' in scheme || 'platform' in scheme) && {
      parameters: [...(operation.parameters ?? []), { $ref: reference('parameters', 'IdempotencyKey') }],
    }),
    responses: shareRefusals(operation.responses ?? {}, responses),
  }));
  const { schemas, rename } = keepUsed((document.components?.schemas ?? {}) as Schemas, { paths, responses });
  return rename({ ...document, paths, components: { securitySchemes, parameters: { IdempotencyKey: idempotencyKey }, responses, schemas } });
}

function mapOperations(paths: OpenAPIV3_1.PathsObject, change: (operation: OpenAPIV3_1.OperationObject, method: string) => OpenAPIV3_1.OperationObject): OpenAPIV3_1.PathsObject {
  const methods = new Set(['get', 'put', 'post', 'delete', 'patch', 'options', 'head']);
  return Object.fromEntries(Object.entries(paths).sort(([left], [right]) => (left < right ? -1 : 1)).map(([path, item]) => [path, Object.fromEntries(
    Object.entries(item ?? {}).map(([name, value]) => [name, methods.has(name) ? change(value as OpenAPIV3_1.OperationObject, name) : value]),
  )]));
}

/** Every refusal of one status says the same (answers.ts), so it is told once. */
function shareRefusals(own: OpenAPIV3_1.ResponsesObject, shared: Record<string, OpenAPIV3_1.ResponseObject>): OpenAPIV3_1.ResponsesObject {
  return Object.fromEntries(Object.entries(own).map(([status, response]) => {
    const isRefusal = 'content' in response && response.content?.['application/problem+json'] !== undefined;
    if (!isRefusal) return [status, { ...response, ...('description' in response && response.description === 'Default Response' && { description: STATUS_CODES[status] ?? status }) }];
    shared[`Refusal${status}`] ??= response;
    return [status, { $ref: reference('responses', `Refusal${status}`) }];
  }));
}

function keepUsed(all: Schemas, roots: unknown): { schemas: Schemas; rename: <Value>(value: Value) => Value } {
  const used = new Set<string>();
  const visit = (value: unknown): void => {
    for (const [, name = ''] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (used.has(name) || !all[name]) continue;
      used.add(name);
      visit(all[name]);
    }
  };
  visit(roots);
  // A schema that only ever comes in needs no suffix.
  const plain = (name: string) => (name.endsWith('Input') && !used.has(name.slice(0, -5)) ? name.slice(0, -5) : name);
  return {
    schemas: Object.fromEntries([...used].sort().map((name) => [plain(name), all[name] ?? {}])),
    rename: (value) => JSON.parse(JSON.stringify(value), (_key, text: unknown) => {
      // The form says it; the pattern that zod makes of it is half a screen.
      if (typeof text === 'object' && text !== null && 'pattern' in text && 'format' in text && text.format === 'date-time') return omit(text, 'pattern');
      const name = typeof text === 'string' ? /^#\/components\/schemas\/(.+)$/.exec(text)?.[1] : undefined;
      return name === undefined ? text : reference('schemas', plain(name));
    }) as typeof value,
  };
}
