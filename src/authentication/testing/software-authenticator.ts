/**
 * An authenticator without hardware, for tests: it does what it is told, also what no real one would (no user
 * verification, another origin, another algorithm, a counter that goes back).
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isoCBOR } from '../passkeys/library.ts';

export interface Making {
  readonly challenge: string;
  readonly rp: { readonly id: string };
  readonly user: { readonly id: string };
}

export interface Asking { readonly challenge: string; readonly rpId: string }

/** What an answer may say otherwise. */
export interface Change {
  origin?: string;
  rpId?: string;
  challenge?: string;
  type?: string;
  crossOrigin?: boolean;
  topOrigin?: string;
  userVerified?: boolean;
  userPresent?: boolean;
  counter?: number;
  userHandle?: string | undefined;
  id?: string;
  rawId?: string;
  signature?: string;
  aaguid?: string;
  fmt?: string;
  statement?: (authData: Buffer, clientDataHash: Buffer) => Map<string, unknown>;
}

export class SoftwareAuthenticator {
  readonly credentialId = randomBytes(32);
  readonly keys: { publicKey: KeyObject; privateKey: KeyObject };
  readonly origin: string;
  aaguid = '00000000-0000-0000-0000-000000000000';
  counter = 0;
  backupEligible = false;
  private userHandle: string | undefined;
  private readonly curve: 'P-256' | 'P-384';

  constructor(origin: string, curve: 'P-256' | 'P-384' = 'P-256') {
    this.origin = origin;
    this.curve = curve;
    this.keys = generateKeyPairSync('ec', { namedCurve: curve });
  }

  get id(): string {
    return this.credentialId.toString('base64url');
  }

  /** What `navigator.credentials.create` would give, as JSON text. */
  create(options: Making, change: Change = {}): string {
    this.userHandle = options.user.id;
    const clientData = this.clientData('webauthn.create', options.challenge, change);
    const { x = '', y = '' } = this.keys.publicKey.export({ format: 'jwk' });
    const cose = isoCBOR.encode(new Map<number, number | Uint8Array>([
      [1, 2], [3, this.curve === 'P-256' ? -7 : -35], [-1, this.curve === 'P-256' ? 1 : 2],
      [-2, new Uint8Array(Buffer.from(x, 'base64url'))], [-3, new Uint8Array(Buffer.from(y, 'base64url'))]]));
    const length = Buffer.alloc(2);
    length.writeUInt16BE(this.credentialId.length);
    const aaguid = Buffer.from((change.aaguid ?? this.aaguid).replaceAll('-', ''), 'hex');
    const authData = Buffer.concat([this.head(change.rpId ?? options.rp.id, 0x40, change), aaguid, length, this.credentialId, cose]);
    const statement = change.statement?.(authData, sha256(clientData)) ?? new Map();
    const attestationObject = isoCBOR.encode(new Map<string, unknown>([['fmt', change.fmt ?? 'none'], ['attStmt', statement], ['authData', new Uint8Array(authData)]]) as never);
    return JSON.stringify({
      id: change.id ?? this.id, rawId: change.rawId ?? change.id ?? this.id, type: 'public-key', clientExtensionResults: {}, authenticatorAttachment: 'platform',
      response: { clientDataJSON: clientData.toString('base64url'), attestationObject: Buffer.from(attestationObject).toString('base64url'), transports: ['internal'] } });
  }

  /** What `navigator.credentials.get` would give, as JSON text. */
  get(options: Asking, change: Change = {}): string {
    const clientData = this.clientData('webauthn.get', options.challenge, change);
    const authData = this.head(change.rpId ?? options.rpId, 0, change);
    const signature = sign('sha256', Buffer.concat([authData, sha256(clientData)]), this.keys.privateKey);
    const userHandle = 'userHandle' in change ? change.userHandle : this.userHandle;
    return JSON.stringify({
      id: change.id ?? this.id, rawId: change.rawId ?? change.id ?? this.id, type: 'public-key', clientExtensionResults: {},
      response: {
        clientDataJSON: clientData.toString('base64url'), authenticatorData: authData.toString('base64url'),
        signature: change.signature ?? signature.toString('base64url'), ...(userHandle !== undefined && { userHandle }) } });
  }

  private clientData(type: string, challenge: string, change: Change): Buffer {
    return Buffer.from(JSON.stringify({
      type: change.type ?? type, challenge: change.challenge ?? challenge, origin: change.origin ?? this.origin, crossOrigin: change.crossOrigin ?? false,
      ...(change.topOrigin !== undefined && { topOrigin: change.topOrigin }) }));
  }

  /** RP id hash, flags and counter (WebAuthn §6.1). */
  private head(rpId: string, flags: number, { userVerified = true, userPresent = true, counter = this.counter }: Change): Buffer {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(counter);
    const all = flags | (userPresent ? 0x01 : 0) | (userVerified ? 0x04 : 0) | (this.backupEligible ? 0x18 : 0);
    return Buffer.concat([sha256(Buffer.from(rpId)), Buffer.from([all]), count]);
  }
}

const sha256 = (data: Buffer): Buffer => createHash('sha256').update(data).digest();
