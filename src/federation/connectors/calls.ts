/** Calls to a source: small, bounded answers, read by their body before their status, as half of them fail with 200. */
import { OutboundBlocked, OutboundFailed } from '../../core/outbound.ts';
import { type Arrival, ConnectorFailure, type FailedCheck, type World } from './connector.ts';

const timeoutMs = 8_000;
const maxBytes = 256 * 1_024;

export type Body = Readonly<Record<string, unknown>>;

export interface Call {
  readonly check: FailedCheck;
  readonly method?: 'GET' | 'POST';
  readonly query?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** The vendor's error code in a body, whatever the status; undefined: none. */
  readonly errorIn: (body: Body) => string | undefined;
}

/** @throws ConnectorFailure */
export async function call(world: World, address: string, options: Call): Promise<Body> {
  const { body } = await callText(world, address, options);
  return body;
}

/** The same, with the text as it came: for signatures over it. */
export async function callText(world: World, address: string, { check, method = 'GET', query, form, json, headers, errorIn }: Call): Promise<{ body: Body; text: string }> {
  const url = new URL(address);
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
  const content = form ? { body: new URLSearchParams(form).toString(), type: 'application/x-www-form-urlencoded' }
    : json ? { body: JSON.stringify(json), type: 'application/json; charset=utf-8' } : undefined;
  const answer = await orUnreachable(world.outbound.fetch(url, {
    method: content ? 'POST' : method, timeoutMs, maxBytes, purpose: 'identity-source',
    headers: { accept: 'application/json', ...(content && { 'content-type': content.type }), ...headers },
    ...(content && { body: content.body }),
  }));
  const text = answer.text();
  const body = readBody(text);
  // A body that is no object is told by its status alone.
  const code = body && errorIn(body);
  if (code !== undefined) throw new ConnectorFailure(check, code);
  if (!body || answer.status < 200 || answer.status > 299) throw new ConnectorFailure(check, `HTTP ${answer.status}`);
  return { body, text };
}

export async function orUnreachable<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof OutboundBlocked) throw new ConnectorFailure('unreachable', 'address_blocked');
    if (error instanceof OutboundFailed) throw new ConnectorFailure('unreachable', error.failure.replaceAll(' ', '_'));
    throw error;
  }
}

/** JSON whatever its media type says (WeChat sends text/plain). */
function readBody(text: string): Body | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Body : undefined;
  } catch {
    return undefined;
  }
}

/** Text or a whole number as text: several vendors print either. */
export function textOf(body: Body | undefined, name: string): string | undefined {
  const value = body && Object.hasOwn(body, name) ? body[name] : undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  return typeof value === 'string' && value !== '' && value.length <= 4_096 ? value : undefined;
}

export function objectOf(body: Body | undefined, name: string): Body | undefined {
  const value = body && Object.hasOwn(body, name) ? body[name] : undefined;
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Body : undefined;
}

/** `errcode` and its like: absent, 0 and "0" are success. */
export const nonZero = (name: string) => (body: Body): string | undefined => {
  const value = textOf(body, name);
  return value === undefined || value === '0' ? undefined : shortCode(value);
};

/** RFC 6749 §5.2. */
export const oauthError = (body: Body): string | undefined => {
  const error = body['error'];
  return error === undefined ? undefined : shortCode(typeof error === 'string' ? error : textOf(body, 'code') ?? 'unknown');
};

/** Codes are shown to administrators: never a text that the source chose freely. */
export const shortCode = (value: string): string => (/^[\w.:-]{1,80}$/.test(value) ? value : 'unknown');

/** The code of an answer; an error in its place names itself. @throws ConnectorFailure */
export function codeOf({ parameters }: Arrival, ...names: string[]): string {
  const error = parameters['error'];
  if (error !== undefined) throw new ConnectorFailure(['access_denied', 'user_cancelled_authorize'].includes(error) ? 'refused_by_person' : 'answer', shortCode(error));
  const code = names.map((name) => parameters[name]).find((value) => value !== undefined && value !== '');
  // WeChat's QR page says "no" by leaving the code out.
  if (code === undefined) throw new ConnectorFailure('refused_by_person');
  return code;
}

/** @throws ConnectorFailure when it is not there */
export function need(value: string | undefined, check: FailedCheck, what: string): string {
  if (value === undefined) throw new ConnectorFailure(check, `${what}_missing`);
  return value;
}

/** A key of a subject; the parts are escaped so that no two of them read alike. @throws ConnectorFailure when one is too long */
export function subject(...parts: string[]): string {
  const key = parts.map((part) => part.replaceAll('%', '%25').replaceAll(':', '%3A')).join(':');
  if (key.length > 512) throw new ConnectorFailure('subject', 'too_long');
  return key;
}

export function withQuery(address: string, query: Readonly<Record<string, string | undefined>>): URL {
  const url = new URL(address);
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
  return url;
}
