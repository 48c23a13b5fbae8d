/** What browsers post (`PublicKeyCredential.toJSON()`), read before anything is believed of it. */
import { z } from 'zod';

/** More than any authenticator sends, and little enough to be read at leisure. */
export const largestAnswerBytes = 8_192;

/** One field: the JSON as text, as a form can carry it. */
export const credentialText = z.string().min(1).max(largestAnswerBytes).refine((json) => Buffer.byteLength(json) <= largestAnswerBytes, `must have at most ${largestAnswerBytes} bytes`)
  .describe(`The answer of navigator.credentials as JSON text: JSON.stringify(credential.toJSON()). At most ${largestAnswerBytes} bytes.`);

const base64url = z.string().regex(/^[\w-]+$/);
const common = { id: base64url.max(1_400), rawId: base64url.max(1_400), type: z.literal('public-key') };

const assertionSchema = z.object({
  ...common,
  response: z.object({ clientDataJSON: base64url, authenticatorData: base64url, signature: base64url, userHandle: base64url.max(100).nullish() }),
});
export type AssertionAnswer = z.infer<typeof assertionSchema>;

const registrationSchema = z.object({
  ...common,
  response: z.object({
    clientDataJSON: base64url, attestationObject: base64url,
    transports: z.array(z.enum(['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb'])).max(10).catch([]).default([]) }),
});
export type RegistrationAnswer = z.infer<typeof registrationSchema>;

export const readAssertion = (json: string): AssertionAnswer | undefined => read(assertionSchema, json);
export const readRegistration = (json: string): RegistrationAnswer | undefined => read(registrationSchema, json);

function read<Answer>(schema: z.ZodType<Answer>, json: string): Answer | undefined {
  const parsed = parse(json);
  return parsed === undefined ? undefined : schema.safeParse(parsed).data;
}

const clientDataSchema = z.object({ challenge: z.string().max(200), crossOrigin: z.boolean().optional(), topOrigin: z.string().optional() });

/** The challenge that was answered. Undefined: unreadable, or answered inside a frame of another site, where no page of ours is. */
export function challengeOf(clientDataJSON: string): string | undefined {
  const data = clientDataSchema.safeParse(parse(Buffer.from(clientDataJSON, 'base64url').toString('utf8'))).data;
  return data === undefined || data.crossOrigin === true || data.topOrigin !== undefined ? undefined : data.challenge;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
