/** Tokens that want to be checked in a way of their own choosing, each made from a valid one by one change. */
import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign as signBytes } from 'node:crypto';
import type { JWK } from 'jose';

export interface Genuine {
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** The valid token itself. */
  readonly token: string;
  /** What everybody knows of the key; undefined where the key is a secret. */
  readonly publicJwk: JWK | undefined;
}

export type Forgery = readonly [name: string, token: string];

const encode = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

// An attacker's own keys, made once: making RSA keys is slow.
const own = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
};
type OwnAlgorithm = keyof typeof own;

function signedBy(algorithm: OwnAlgorithm, header: unknown, claims: unknown): string {
  const input = `${encode(header)}.${encode(claims)}`;
  const signature = algorithm === 'ES256'
    ? signBytes('sha256', Buffer.from(input), { key: own.ES256.privateKey, dsaEncoding: 'ieee-p1363' })
    : signBytes('sha256', Buffer.from(input), own.RS256.privateKey);
  return `${input}.${signature.toString('base64url')}`;
}

function macBy(secret: string | Buffer, header: unknown, claims: unknown, hash = 'sha256'): string {
  const input = `${encode(header)}.${encode(claims)}`;
  return `${input}.${createHmac(hash, secret).update(input).digest('base64url')}`;
}

/** All forgeries of a token. `listener` is an address that would serve the attacker's keys, were it asked. */
export function forgeriesOf({ header, claims, token, publicJwk }: Genuine, listener: string): Forgery[] {
  const algorithm: OwnAlgorithm = header['alg'] === 'RS256' || header['alg'] === 'PS256' ? 'RS256' : 'ES256';
  const publicOf = (key: KeyObject) => key.export({ format: 'jwk' }) as JWK;
  const ownJwk = { ...publicOf(own[algorithm].publicKey), kid: 'own', alg: algorithm, use: 'sig' };
  const withHeader = (change: Record<string, unknown>) => signedBy(algorithm, { ...header, alg: algorithm, ...change }, claims);
  const [head = '', payload = '', signature = ''] = token.split('.');
  const other = algorithm === 'ES256' ? 'RS256' : 'ES256';
  return [
    ...['none', 'None', 'NONE', 'nOnE', '', 'unknown', null, 0, ['ES256']].flatMap((alg): Forgery[] => [
      [`alg ${JSON.stringify(alg)}, no signature`, `${encode({ ...header, alg })}.${payload}.`],
      [`alg ${JSON.stringify(alg)}, the old signature`, `${encode({ ...header, alg })}.${payload}.${signature}`],
    ]),
    ['no alg', `${encode(Object.fromEntries(Object.entries(header).filter(([name]) => name !== 'alg')))}.${payload}.${signature}`],
    ['no signature', `${head}.${payload}.`],
    ['two parts', `${head}.${payload}`],
    ['half a signature', `${head}.${payload}.${signature.slice(0, signature.length / 2)}`],
    ['a signature of zeros', `${head}.${payload}.${encode(Buffer.alloc(64).toString('latin1'))}`],
    ['a signature of zero bytes', `${head}.${payload}.${Buffer.alloc(64).toString('base64url')}`],
    ['another payload', `${head}.${encode({ ...claims, admin: true })}.${signature}`],
    ['its JSON form', JSON.stringify({ protected: head, payload, signature })],
    ['its general JSON form', JSON.stringify({ payload, signatures: [{ protected: head, signature }] })],
    ['signed by somebody else', withHeader({})],
    ['signed by somebody else, with another algorithm', signedBy(other, { ...header, alg: other }, claims)],
    ['signed by somebody else, without a kid', withHeader({ kid: undefined })],
    ['a key in its header', withHeader({ jwk: ownJwk, kid: undefined })],
    ['a key in its header under our kid', withHeader({ jwk: { ...ownJwk, kid: header['kid'] } })],
    ['a key at an address', withHeader({ jku: `${listener}/jwks`, kid: 'own' })],
    ['a certificate at an address', withHeader({ x5u: `${listener}/certificate` })],
    ['a certificate in its header', withHeader({ x5c: [own[algorithm].publicKey.export({ type: 'spki', format: 'der' }).toString('base64')] })],
    ['a kid that is a path', macBy('', { ...header, alg: 'HS256', kid: '../../../../../../dev/null' }, claims)],
    ['a kid that is SQL', macBy('x', { ...header, alg: 'HS256', kid: "' UNION SELECT 'x' --" }, claims)],
    ['a kid that is an address', withHeader({ kid: `${listener}/key` })],
    ['a kid that is a name of objects', withHeader({ kid: '__proto__' })],
    ['a kid that is a list', withHeader({ kid: [header['kid']] })],
    ['a critical extension', withHeader({ crit: ['exp'] })],
    ['an unencoded payload', withHeader({ b64: false, crit: ['b64'] })],
    ['a compressed payload', withHeader({ zip: 'DEF' })],
    ['an empty secret', macBy('', { ...header, alg: 'HS256' }, claims)],
    ['the word secret', macBy('secret', { ...header, alg: 'HS256' }, claims)],
    ...(publicJwk === undefined ? [] : secretsFrom(publicJwk).flatMap(([name, secret]): Forgery[] => [
      [`the public key as secret (${name})`, macBy(secret, { ...header, alg: 'HS256' }, claims)],
      [`the public key as secret of HS512 (${name})`, macBy(secret, { ...header, alg: 'HS512' }, claims, 'sha512')],
    ])),
  ];
}

/** The forms in which a public key lies around. */
function secretsFrom(publicJwk: JWK): [string, string | Buffer][] {
  const key = createPublicKey({ key: publicJwk as never, format: 'jwk' });
  return [
    ['PEM', key.export({ type: 'spki', format: 'pem' }).toString()],
    ['PEM without its last line break', key.export({ type: 'spki', format: 'pem' }).toString().trimEnd()],
    ['DER', key.export({ type: 'spki', format: 'der' })],
    ['JWK', JSON.stringify(publicJwk)],
    ['its first member', publicJwk.n ?? publicJwk.x ?? ''],
  ];
}
