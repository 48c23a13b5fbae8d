import { stdSerializers } from 'pino';

/**
 * What must never reach the log: passwords, tokens, codes, cookies, keys. Three nets, since each
 * has holes: names of fields (`redactRecord`, `redactPaths`), requests and errors by serializers
 * that show only what is known to be harmless, and the finished line by pattern (`scrubLine`),
 * which also sees messages, stack traces and what a library put into its own error.
 */

export const censor = '[redacted]';
const maximumDepth = 6;
const maximumEntries = 100;
const maximumText = 8192;

/** Ends of names whose value is secret, in any of camelCase, snake_case, kebab-case. */
const secretEndings = [
  'password', 'passwd', 'passphrase', 'password[_-]?hash', 'secret', 'token', 'jwt', 'assertion', 'cookies?', 'authorization',
  '(?:private|master|api|encryption)[_-]?keys?', 'code[_-]?verifier', 'id[_-]?token[_-]?hint', 'otp', 'dpop',
  '(?:user|device|authorization|auth|recovery|source|verification|access)[_-]?code', 'saml[_-]?(?:response|request)', 'relay[_-]?state',
].join('|');
const secretName = new RegExp(`^(?:code|state|nonce|request|.*(?:${secretEndings}))$`, 'i');

/** Whether a field of this name holds a secret. `code` and `request` also have harmless uses: see the callers. */
export function isSecretName(name: string): boolean {
  return name.length > 64 || secretName.test(name);
}

/** The code of an error, not one that somebody can redeem: ECONNREFUSED, ERR_X, 23505, User.Not.Exist; small numbers. */
function isCodeOfError(name: string, code: string): boolean {
  return /^code(?![\w-])/i.test(name) && /^(?:E[A-Z0-9]{3,15}|[A-Z]+(?:_[A-Z0-9]+)+|[0-9A-Z]{5}|\d{1,3}|[A-Z][A-Za-z]*(?:\.[A-Z][A-Za-z]*)+)$/.test(code);
}

/** For pino's `redact`, which alone also covers the bindings of child loggers. First level only: it is free there. */
export const redactPaths = [
  'password', 'passphrase', 'secret', 'clientSecret', 'client_secret', 'token', 'accessToken', 'access_token', 'refreshToken', 'refresh_token',
  'idToken', 'id_token', 'idTokenHint', 'id_token_hint', 'authorization', 'cookie', 'cookies', 'state', 'nonce', 'codeVerifier', 'code_verifier',
  'assertion', 'clientAssertion', 'client_assertion', 'masterKey', 'privateKey', 'apiKey', 'passwordHash', 'otp', 'headers', 'body', 'query',
];

/** Copy of a log record without secrets; `req`, `res` and `err` are left to their serializers. */
export function redactRecord(record: Record<string, unknown>): Record<string, unknown> {
  return redactFields(record, 0, (name) => Object.hasOwn(serializers, name));
}

function redactFields(fields: object, depth: number, isLeft: (name: string) => boolean = () => false): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const name of Object.keys(fields).slice(0, maximumEntries)) {
    const value = readField(fields, name, (found) => (isLeft(name) ? found : redactValue(found, depth + 1, name)));
    // pino would take these for serializers, and assigning __proto__ would set the prototype.
    kept[name in Object.prototype ? `field ${name}` : name] = value;
  }
  return kept;
}

/** A getter or toJSON that throws must not turn a log call into a failure. */
function readField(fields: object, name: string, show: (value: unknown) => unknown): unknown {
  try {
    return show(Reflect.get(fields, name));
  } catch {
    return '[unreadable]';
  }
}

function redactValue(value: unknown, depth: number, name: string): unknown {
  if (value === null || value === undefined || typeof value === 'boolean') return value;
  if (isSecretName(name)) {
    if (name === 'request' && isRequest(value)) return serializeRequest(value);
    return isCodeOfError(name, String(value)) ? value : censor;
  }
  if (typeof value === 'string') return value.length > maximumText ? `${value.slice(0, maximumText)}…` : value;
  if (typeof value !== 'object') return value;
  if (depth > maximumDepth) return '[deep]';
  if (value instanceof Error) return serializeError(value);
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (isRequest(value)) return serializeRequest(value);
  if (Array.isArray(value)) return value.slice(0, maximumEntries).map((item) => redactValue(item, depth + 1, ''));
  if (value instanceof Map || value instanceof Headers || value instanceof URLSearchParams) {
    return redactFields(Object.fromEntries(value), depth);
  }
  if (value instanceof Set) return redactValue([...value], depth, '');
  if ('toJSON' in value && typeof value.toJSON === 'function') return redactValue(value.toJSON(), depth + 1, '');
  return redactFields(value, depth);
}

interface RequestLike { method: string; url: string; ip?: string; host?: string; headers?: Record<string, unknown>; socket?: { remoteAddress?: string } | null }

/** Fastify's request and Node's alike. */
function isRequest(value: unknown): value is RequestLike {
  return typeof value === 'object' && value !== null && 'method' in value && typeof value.method === 'string'
    && 'url' in value && typeof value.url === 'string' && 'headers' in value;
}

/** Parameters whose value is shown; any other may be a secret, now or in the next version of a protocol. */
const harmlessParameters = new Set([
  'acr_values', 'audience', 'client_id', 'code_challenge_method', 'display', 'error', 'grant_type', 'lang', 'limit', 'max_age', 'prompt',
  'resource', 'response_mode', 'response_type', 'scope', 'sort', 'ui_locales',
]);

/** An address for the log: path and names of parameters, values only of harmless ones, no fragment. */
export function redactUrl(url: string): string {
  const [address = '', queryText] = url.slice(0, maximumText).split('#', 1)[0]?.split('?', 2) ?? [];
  if (queryText === undefined) return address;
  const parameters = [...new URLSearchParams(queryText)].slice(0, 20).map(([name, value]) =>
    `${name.slice(0, 64)}=${harmlessParameters.has(name) ? value.slice(0, 200) : censor}`);
  return `${address}?${parameters.join('&')}`;
}

function serializeRequest(request: unknown): unknown {
  if (!isRequest(request)) return typeof request === 'object' && request !== null ? redactFields(request, 1) : censor;
  return {
    method: request.method,
    url: redactUrl(request.url),
    host: request.host ?? request.headers?.['host'],
    remoteAddress: request.ip ?? request.socket?.remoteAddress,
    userAgent: typeof request.headers?.['user-agent'] === 'string' ? request.headers['user-agent'].slice(0, 300) : undefined,
  };
}

function serializeResponse(response: unknown): unknown {
  return typeof response === 'object' && response !== null && 'statusCode' in response ? { statusCode: response.statusCode } : {};
}

function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return redactValue(error, 1, '');
  return redactFields(stdSerializers.err(error), 1);   // `raw`, the error itself, is not enumerable there
}

/** For pino: request, response and error by their usual names. */
export const serializers = { req: serializeRequest, res: serializeResponse, err: serializeError, error: serializeError };

// The patterns read a finished JSON line. Each match begins and ends beside an escape, never inside one,
// so that what is left still parses. All are linear: no nested or adjacent repetitions of one class.
const textValue = String.raw`(?:[^&\s"'\\#;,]|\\u[0-9a-fA-F]{4}|\\[\\/])+`;
const jsonText = String.raw`"((?:[^"\\]|\\.)*)"`;
const quote = String.raw`\\{0,7}["'\x60]`;
const lineSecrets = `code|state|nonce|${secretEndings}`;
type Pattern = [RegExp, (...match: string[]) => string];

/** Whether one of `namedPatterns` can match; most lines end here. */
const namesSecret = new RegExp(`(?:${lineSecrets})(?:":"|(?:${quote})?\\s{0,4}[:=]\\s{0,4}[\\\\'\`]|=|%3D)`, 'i');
const namedPatterns: Pattern[] = [
  // "clientSecret":"…" at any depth; `code` unless it is an error's
  [new RegExp(`"((?:code|state|nonce)|[\\w-]{0,64}(?:${secretEndings}))":${jsonText}`, 'gi'),
    (match, name = '', value = '') => (isCodeOfError(name, value) ? match : `"${name}":"${censor}"`)],
  // password: 'x' and \"token\": \"x\" inside a text: printed objects, quoted bodies
  [new RegExp(`((?:${lineSecrets})(?:${quote})?\\s{0,4}[:=]\\s{0,4})(\\\\{1,7}"|['\`])((?:(?!\\2)(?:[^"\\\\]|\\\\.))*)\\2`, 'gi'),
    (match, before = '', mark = '', value = '') => (isCodeOfError(before, value) ? match : before + mark + censor + mark)],
  // token=… in addresses, forms and texts, also once percent-encoded
  [new RegExp(`((?:${lineSecrets})(?:=|%3D))(${textValue})`, 'gi'),
    (match, before = '', value = '') => (isCodeOfError(before, value) ? match : before + censor)],
];
const shapedPatterns: Pattern[] = [
  // Cookie: … and Authorization: … to the end of their line
  [/((?:authorization|cookie)(?:: ?|=))((?:[^"\\]|\\(?![nr]).)+)/gi, (_match, before = '') => before + censor],
  [/\b(Bearer|Basic|DPoP|Flow) [\w.~+/=-]{16,}/g, (_match, scheme = '') => `${scheme} ${censor}`],
  [/:\/\/[^\s/"\\?#@]{1,512}@/g, () => `://${censor}@`],
];

// Escapes are consumed first: `\n` before a token must not lend it its letter.
const looksBare = /eyJ|(?<![\w-])[\w-]{43}/;
const bareTokens = /\\(?:u[0-9a-fA-F]{4}|.)|eyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*){0,3}|[\w-]{43,}/g;

/** JWTs, and opaque tokens: 256 bits are 43 characters of base64url. Ids and names of functions are shorter or of one case. */
function censorBareToken(match: string): string {
  if (match.startsWith('\\')) return match;
  const isToken = match.startsWith('eyJ') || (/[a-z]/.test(match) && /[A-Z]/.test(match) && /\d/.test(match));
  return isToken ? censor : match;
}

/**
 * Last net: a finished log line (JSON without its line end). Replaces what looks like a secret, and
 * escapes the characters that JSON leaves alone but terminals and viewers obey: C1 controls,
 * bidirectional overrides, zero-width and line separators.
 */
export function scrubLine(line: string): string {
  const patterns = namesSecret.test(line) ? [...shapedPatterns, ...namedPatterns] : shapedPatterns;
  const shaped = patterns.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), line);
  const scrubbed = looksBare.test(shaped) ? shaped.replace(bareTokens, censorBareToken) : shaped;
  return scrubbed.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from({ length: character.length }, (_value, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`).join(''));
}
