/** Pairwise subjects over several hosts: the document at the sector's address lists what belongs together (OpenID Connect Core §8.1). */
import type { Core } from '../core/core.ts';
import type { FieldError } from '../core/errors.ts';
import { deviceCodeGrant, type OidcSettings } from './oidc-settings.ts';

/** Fetches the document and checks that it names every redirect URI (and jwksUri for the device grant). */
export async function checkSectorIdentifier(core: Core, settings: OidcSettings): Promise<FieldError[]> {
  if (settings.sectorIdentifierUri === null) return [];
  const refuse = (detail: string): FieldError[] => [{ field: 'oidc.sectorIdentifierUri', code: 'invalid', detail }];
  const listed = await readList(core, settings.sectorIdentifierUri);
  if (typeof listed === 'string') return refuse(listed);
  const wanted = [...settings.redirectUris, ...(settings.grantTypes.includes(deviceCodeGrant) && settings.jwksUri ? [settings.jwksUri] : [])];
  const missing = wanted.filter((uri) => !listed.includes(uri));
  return missing.length === 0 ? [] : refuse(`must list every redirect URI of the application, but does not list ${missing.slice(0, 5).join(', ')}`);
}

async function readList(core: Core, uri: string): Promise<string[] | string> {
  try {
    const answer = await core.outbound.fetch(uri, { headers: { accept: 'application/json' }, maxBytes: 65_536 });
    if (answer.status !== 200) return `answers ${answer.status}; it must be a JSON list of redirect URIs`;
    const list = answer.json();
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : 'must be a JSON list of redirect URIs';
  } catch (error) {
    core.log.debug({ err: error }, 'a sector identifier document cannot be read');
    return 'cannot be read: it must be a public https address with a JSON list of redirect URIs';
  }
}
