/**
 * What a program can post: one typed path for each method and action, made from the lists of factors, enrolments and
 * features, so that a new one needs no route of its own.
 */
import { z } from 'zod';
import type { Core } from '../../core/core.ts';
import { text } from '../../core/http/text.ts';
import { omit } from '../../core/omit.ts';
import { maximumPasswordBytes } from '../../core/password-text.ts';
import { enrolments } from '../enrolments/index.ts';
import { factorsOf } from '../factors/index.ts';
import { featuresOf } from '../flow/features.ts';
import { personsClientSchema } from './schemas.ts';

export interface ProgramInput {
  /** As a page would post it. */
  readonly do: string;
  /** Below `/api/v1/auth/flow/`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly body: z.ZodType<InputBody>;
}

export type InputBody = { version: number; client?: z.infer<typeof personsClientSchema> | undefined } & Record<string, unknown>;

const always = {
  version: z.int().min(1).describe('Of the view that is answered.'),
  client: personsClientSchema.optional(),
};
const choice = { credentialId: text(200).optional().describe('Of the method in the view, where it has one.') };

/** Everything that this server takes now. */
export function programInputs(core: Core): readonly ProgramInput[] {
  const methods = factorsOf(core).flatMap(({ method, input, prepare }) => [
    ...(prepare ? [methodInput(method, 'prepare', texts(choice), 'Send a code or make a challenge')] : []),
    methodInput(method, 'verify', objectOf(input, choice), 'Answer'),
  ]);
  const credentials = enrolments.flatMap(({ method, input, prepare }) => [
    ...(prepare ? [methodInput(method, 'prepare_enrolment', texts(choice), 'Begin a new credential')] : []),
    methodInput(method, 'enrol', objectOf(input, choice), 'Finish a new credential'),
  ]);
  const ofFeatures = featuresOf(core).flatMap(({ actions, inputs, forBrowsers = [] }) => Object.keys(actions ?? {}).filter((name) => !forBrowsers.includes(name)).map((name) => actionInput(name, inputs?.[name])));
  const own = Object.entries(ownActions).map(([name, schema]) => actionInput(name, schema));
  return [...methods, ...credentials, ...own, ...ofFeatures.filter(({ do: name }) => !Object.hasOwn(ownActions, name))];
}

/** Those of the engine itself; what only a page has (the account chooser) is not among them. */
const ownActions: Record<string, z.ZodObject> = {
  identify: z.object({ identifier: text(255).describe('User name, e-mail address or telephone number.') }),
  change_password: z.object({ newPassword: z.string().min(1).max(maximumPasswordBytes) }),
  consent: z.object({ decision: z.enum(['allow', 'deny']) }),
  continue: z.object({}),
};

const methodInput = (method: string, verb: string, body: z.ZodType<InputBody>, what: string): ProgramInput => ({
  do: `${method}.${verb}`, path: `${method}/${verb}`, operationId: camelCase(`flow_${method}_${verb}`), summary: `${what}: ${method.replaceAll('_', ' ')}`, body });

const actionInput = (name: string, schema: z.ZodType | undefined): ProgramInput => ({
  do: name, path: name.replaceAll('.', '/'), operationId: camelCase(`flow_${name.replaceAll('.', '_')}`), summary: `Answer the step or use the action ${name}`,
  body: schema ? objectOf(schema) : texts() });

/** Bodies are strict, whatever the form of a page would let pass. */
function objectOf(input: z.ZodType, further: z.ZodRawShape = {}): z.ZodType<InputBody> {
  return input instanceof z.ZodObject ? z.strictObject({ ...always, ...further, ...input.shape }) as unknown as z.ZodType<InputBody> : texts(further);
}

const texts = (further: z.ZodRawShape = {}): z.ZodType<InputBody> => z.object({ ...always, ...further }).catchall(z.union([text(8_192), z.boolean()])) as unknown as z.ZodType<InputBody>;

const camelCase = (name: string) => name.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase());

/** As a form has it: everything is text, a box that is not ticked is absent, and structures are JSON. */
export function toFields(body: InputBody): Record<string, string> {
  return Object.fromEntries(Object.entries(omit(body, 'version', 'client')).flatMap(([name, value]) => {
    if (value === undefined || value === null || value === false) return [];
    if (value === true) return [[name, 'on']];
    return [[name, typeof value === 'object' ? JSON.stringify(value) : String(value as string | number)]];
  }));
}

export const restartBody = z.strictObject({ client: personsClientSchema.optional() });
