/** WebAuthn Level 3 JSON to what browsers take, and back; browsers that have their own conversion use it. */
import { decode, encode } from './base64url.ts';

type Json = Record<string, unknown>;
interface Descriptor { id: string; type: 'public-key'; transports?: AuthenticatorTransport[] }

export const canUsePasskeys = (): boolean => typeof PublicKeyCredential === 'function';

/** Asks for a passkey. Undefined: the person gave up. */
export async function getPasskey(options: unknown, { mediation, signal }: { mediation?: CredentialMediationRequirement; signal?: AbortSignal } = {}): Promise<object | undefined> {
  const given = optionsOf(options);
  const publicKey = { ...given, challenge: decode(String(given['challenge'])), allowCredentials: descriptors(given['allowCredentials']) } as unknown as PublicKeyCredentialRequestOptions;
  return whenAllowed(() => navigator.credentials.get({ publicKey, ...(mediation && { mediation }), ...(signal && { signal }) }));
}

/** Makes a passkey. Undefined: the person gave up. */
export async function createPasskey(options: unknown): Promise<object | undefined> {
  const given = optionsOf(options);
  const user = given['user'] as Json;
  const publicKey = {
    ...given, challenge: decode(String(given['challenge'])), user: { ...user, id: decode(String(user['id'])) }, excludeCredentials: descriptors(given['excludeCredentials']),
  } as unknown as PublicKeyCredentialCreationOptions;
  return whenAllowed(() => navigator.credentials.create({ publicKey }));
}

function optionsOf(options: unknown): Json {
  const { publicKey, options: inner } = options as { publicKey?: Json; options?: Json };
  return publicKey ?? inner ?? options as Json;
}

const descriptors = (list: unknown) => (Array.isArray(list) ? list as Descriptor[] : []).map((descriptor) => ({ ...descriptor, id: decode(descriptor.id) }));

async function whenAllowed(ask: () => Promise<Credential | null>): Promise<object | undefined> {
  try {
    const credential = await ask() as PublicKeyCredential | null;
    return credential ? toJson(credential) : undefined;
  } catch (error) {
    if (error instanceof DOMException && (error.name === 'NotAllowedError' || error.name === 'AbortError')) return undefined;
    throw error;
  }
}

function toJson(credential: PublicKeyCredential): object {
  if (typeof credential.toJSON === 'function') return credential.toJSON() as object;
  const response = credential.response as AuthenticatorAssertionResponse & AuthenticatorAttestationResponse;
  const bytes = (value: ArrayBuffer | null | undefined) => (value ? encode(value) : undefined);
  return {
    id: credential.id, rawId: encode(credential.rawId), type: credential.type, clientExtensionResults: credential.getClientExtensionResults(), authenticatorAttachment: credential.authenticatorAttachment ?? undefined,
    response: {
      clientDataJSON: encode(response.clientDataJSON), authenticatorData: bytes(response.authenticatorData), signature: bytes(response.signature),
      userHandle: bytes(response.userHandle), attestationObject: bytes(response.attestationObject), transports: response.getTransports?.(),
    },
  };
}
