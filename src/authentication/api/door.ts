/**
 * What the Authentication API needs of OAuth: who an application is, what it may ask for, and the code at the end. The
 * protocol registers it; this folder imports none.
 */
import type { IncomingMessage } from 'node:http';
import type { Application } from '../../applications/index.ts';
import { type Core, perCore } from '../../core/core.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { FlowRequest, GrantedConsent, SessionView } from '../types.ts';

/** What a program asks for, as OAuth names it. */
export interface AskedScopes {
  readonly scope: string | undefined;
  /** RFC 8707 */
  readonly resource: readonly string[];
}

export interface FinishedFlow {
  readonly application: Application;
  readonly request: FlowRequest;
  readonly session: SessionView;
  readonly consent: GrantedConsent;
  readonly dpopJkt: string | undefined;
  /** The code to be: the same for every repetition, so that a lost answer loses nothing and gains nothing. */
  readonly code: string;
  /** From when its lifetime counts. */
  readonly completedAt: Date;
}

export interface ApiDoor {
  /**
   * Checks that a confidential application is who it says (RFC 6749 §2.3), by what `authorization` holds: `Basic …`, or
   * `Assertion …` with a JWT (RFC 7523). @throws Problem 401
   */
  authenticate(context: InstanceContext, application: Application, request: IncomingMessage, authorization: string | undefined): Promise<void>;
  /** What of it the application may ask for. @throws Problem 400 */
  readScopes(context: InstanceContext, application: Application, request: IncomingMessage, asked: AskedScopes): Promise<Pick<FlowRequest, 'scopes' | 'resources'>>;
  /** The code, made at most once; undefined: its time is over, or the session has ended. */
  issueCode(context: InstanceContext, flow: FinishedFlow): Promise<{ expiresIn: number } | undefined>;
  /** The same request for the hosted pages (RFC 9126); undefined: the application has no address to come back to. */
  pushRequest(context: InstanceContext, application: Application, flow: { request: FlowRequest; dpopJkt: string | undefined }): Promise<{ requestUri: string; redirectUri: string; expiresIn: number } | undefined>;
}

const doors = perCore(() => new Map<'door', ApiDoor>());

/** Once per server, before it listens. */
export function registerApiDoor(core: Core, door: ApiDoor): void {
  doors(core).set('door', door);
}

export function apiDoor(core: Core): ApiDoor {
  const door = doors(core).get('door');
  if (!door) throw new Error('no protocol registered the way from a flow to a code');
  return door;
}
