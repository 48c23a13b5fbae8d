/** What waits in a flow of what was proven at a source, until the flow completes. */
import { z } from 'zod';

const shown = { sourceId: z.string(), subject: z.string(), displayName: z.string().optional() };

const waitingSchema = z.discriminatedUnion('kind', [
  /** Connected before; `found` is the key it was found by. */
  z.object({ kind: z.literal('known'), ...shown, found: z.string(), userId: z.string() }),
  /** Nobody here yet: has to say whether there is an account. `user`: what a new one would be. */
  z.object({ kind: z.literal('choose'), ...shown, user: z.record(z.string(), z.unknown()).optional() }),
  z.object({ kind: z.literal('link'), ...shown, how: z.enum(['created', 'proven', 'verified_email']), email: z.string().optional() }),
]);
export type Waiting = z.infer<typeof waitingSchema>;

export const federationName = 'federation';

/** @throws when it cannot be read: the flow is denied */
export function readWaiting(features: Readonly<Record<string, unknown>> | undefined): Waiting | undefined {
  const waiting = features?.[federationName];
  return waiting === undefined ? undefined : waitingSchema.parse(waiting);
}
