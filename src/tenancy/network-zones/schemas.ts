/** Network zones as the REST API takes and shows them. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { longText, text } from '../../core/http/text.ts';
import { idPattern } from '../../core/ids.ts';

/** Of each family, in one zone. */
export const mostRanges = 250;

export const zoneIdSchema = z.string().regex(idPattern('zone'), 'must be the id of a network zone, such as zone_01k9v6z3x4p5q6r7s8t9v0w1x2');

const ranges = (example: string) => z.array(text(60)).max(mostRanges, `must have at most ${mostRanges} ranges`)
  .describe(`Ranges such as \`${example}\`; a plain address is a range of one.`);

const profile = {
  name: text(80),
  description: longText(500).nullable(),
  ipv4Cidrs: ranges('203.0.113.0/24'),
  ipv6Cidrs: ranges('2001:db8::/32'),
};

export const createZoneSchema = z.strictObject({ ...z.object(profile).partial().shape, name: profile.name })
  .meta({ id: 'CreateNetworkZone', examples: [{ name: 'Head office', ipv4Cidrs: ['203.0.113.0/24'], ipv6Cidrs: ['2001:db8:10::/48'] }] });
export type CreateZone = z.infer<typeof createZoneSchema>;

export const updateZoneSchema = z.strictObject(profile).partial()
  .meta({ id: 'UpdateNetworkZone', description: 'Only what is named changes; lists are replaced as a whole.', examples: [{ ipv4Cidrs: ['203.0.113.0/24', '198.51.100.7/32'] }] });
export type UpdateZone = z.infer<typeof updateZoneSchema>;

/** A zone where it is used, with the one thing to be warned of. */
export const zoneReferenceSchema = z.object({
  id: zoneIdSchema, name: z.string(),
  coversEverything: z.boolean().describe('A risk: the zone leaves nobody out, so what relies on it restricts nothing.'),
}).meta({ id: 'NetworkZoneReference' });

export const zoneSchema = zoneReferenceSchema.extend({
  description: z.string().nullable(),
  ipv4Cidrs: z.array(z.string()), ipv6Cidrs: z.array(z.string()),
  createdAt: z.string(), updatedAt: z.string(),
}).meta({ id: 'NetworkZone' });

export const zoneParams = z.object({ zoneId: zoneIdSchema });
export const listZonesQuery = z.strictObject({ ...pageQuery.shape });
export const zonePage = pageOf(zoneSchema).meta({ id: 'NetworkZonePage' });

export const containingQuery = z.strictObject({ address: text(60).optional().describe('Default: the address that this request comes from.') });
export const containingAnswer = z.object({
  address: z.string().describe('As zones compare it; an IPv4 address in IPv6 form is that IPv4 address.'),
  zones: z.array(zoneReferenceSchema),
}).meta({ id: 'ZonesOfAddress' });

/** What relies on a zone may not outlive it. */
export const zoneUsesSchema = z.object({ uses: z.array(z.object({ type: z.enum(['access_policy', 'application', 'settings']), id: z.string().nullable(), name: z.string().nullable() })) })
  .meta({ id: 'NetworkZoneUses' });
