import { z } from 'zod';

export const applicationKindSchema = z.enum(['web', 'browser', 'native', 'machine']).describe(
  '`web`: runs on a server and keeps a secret. `browser`: a single-page application. `native`: on phones, desktops and devices. `machine`: a service that acts for itself (client_credentials).');
export type ApplicationKind = z.infer<typeof applicationKindSchema>;
