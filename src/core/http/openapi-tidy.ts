/**
 * Makes the generated document short: one shared answer for each kind of refusal, no component that nothing refers to,
 * and plain names (the generator makes `CreateUserInput` beside `CreateUser`).
 */
import type { OpenAPIV3_1 } from 'openapi-types';

export type OpenApiDocument = Partial<OpenAPIV3_1.Document>;
type Schemas = Record<string, OpenAPIV3_1.SchemaObject>;

const reference = (kind: 'schemas' | 'responses', name: string) => `#/components/${kind}/${name}`;

export function tidyDocument(document: OpenApiDocument, securitySchemes: Record<string, OpenAPIV3_1.SecuritySchemeObject>): OpenApiDocument {
  const responses: Record<string, OpenAPIV3_1.ResponseObject> = {};
  const paths = mapOperations(document.paths ?? {}, (operation) => ({ ...operation, responses: shareRefusals(operation.responses ?? {}, responses) }));
  const { schemas, rename } = keepUsed((document.components?.schemas ?? {}) as Schemas, { paths, responses });
  return rename({ ...document, paths, components: { securitySchemes, responses, schemas } });
}

function mapOperations(paths: OpenAPIV3_1.PathsObject, change: (operation: OpenAPIV3_1.OperationObject) => OpenAPIV3_1.OperationObject): OpenAPIV3_1.PathsObject {
  const methods = new Set(['get', 'put', 'post', 'delete', 'patch', 'options', 'head']);
  return Object.fromEntries(Object.entries(paths).sort(([left], [right]) => (left < right ? -1 : 1)).map(([path, item]) => [path, Object.fromEntries(
    Object.entries(item ?? {}).map(([name, value]) => [name, methods.has(name) ? change(value as OpenAPIV3_1.OperationObject) : value]),
  )]));
}

/** Every refusal of one status says the same (answers.ts), so it is told once. */
function shareRefusals(own: OpenAPIV3_1.ResponsesObject, shared: Record<string, OpenAPIV3_1.ResponseObject>): OpenAPIV3_1.ResponsesObject {
  return Object.fromEntries(Object.entries(own).map(([status, response]) => {
    const isRefusal = 'content' in response && response.content?.['application/problem+json'] !== undefined;
    if (!isRefusal) return [status, response];
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
      const name = typeof text === 'string' ? /^#\/components\/schemas\/(.+)$/.exec(text)?.[1] : undefined;
      return name === undefined ? text : reference('schemas', plain(name));
    }) as typeof value,
  };
}
