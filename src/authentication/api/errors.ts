/** The refusals of the Authentication API (the status table is in docs/authentication-api.md). */
import { denied, notFound, Problem, unauthenticated } from '../../core/errors.ts';
import { passwordFaults } from '../errors.ts';
import type { Notice } from '../types.ts';

/** One answer for unknown flows, wrong secrets and what belongs to somebody else. */
export const flowNotFound = () => notFound('flow');

export const embeddedSignInOff = () => denied('This application may not draw its own sign-in page. Turn on oidc.embeddedSignIn for it, or use the hosted pages.');

export const originRefused = (origin: string | undefined) => denied(origin === undefined
  ? 'Pages of this application are known by their origin: the request must come from a browser, which sends the header Origin.'
  : 'This origin is not among oidc.embeddedSignIn.allowedOrigins of the application.');

export const applicationUnknown = () => unauthenticated('The application is not known here, or did not show who it is.');

export const flowChanged = (flow: object) => new Problem({
  status: 409, code: 'Operation.Failure.Flow.Changed', members: { flow },
  detail: 'The flow has moved on, or another request is at work. Continue from the view in "flow".' });

export const flowExpired = (restart: boolean) => new Problem({
  status: 410, code: 'Operation.Failure.Flow.Expired', members: { restart },
  detail: restart ? 'The flow has ended by its time. POST /flow/restart begins the same request again.' : 'The flow has ended by its time.' });

/** Refused input: the flow's notice, with the view to be drawn again. */
export function inputRefused(notice: Notice, flow: object, now: Date): Problem {
  const { code, field, retryAt } = notice;
  const waits = retryAt === undefined ? undefined : Math.max(1, Math.ceil((Date.parse(retryAt) - now.getTime()) / 1_000));
  return new Problem({
    status: code === 'Operation.Failure.Too.Many.Attempts' ? 429 : 400, code, members: { flow },
    detail: detailOf(code),
    ...(field !== undefined && { errors: [{ field, code: code.startsWith('Password.') ? code : 'invalid', detail: passwordFaults[code] ?? detailOf(code) }] }),
    ...(waits !== undefined && { headers: { 'retry-after': String(waits) } }),
  });
}

const detailOf = (code: string) => details[code] ?? (passwordFaults[code] === undefined ? 'This was not accepted.' : `The password ${passwordFaults[code]}.`);

const details: Readonly<Record<string, string>> = {
  'Params.Blank': 'A value is missing.',
  'Params.Illegal': 'A value is not in the form that is asked for.',
  'Operation.Failure.Credential.Invalid': 'We could not sign you in with these details.',
  'Operation.Failure.Code.Invalid': 'This code is not right, or is too old.',
  'Operation.Failure.User.Not.Exist': 'There is no such account.',
  'Operation.Failure.Too.Many.Attempts': 'Too many attempts. Wait until Retry-After, then try again.',
};

/** Policy, account state, or attempts used up. `reason` is told after a first proof only, and where it is about the flow itself. */
export const flowDenied = (flow: object, reason: string | undefined) => new Problem({
  status: 403, code: 'Operation.Denied', members: { flow, ...(reason !== undefined && { reason }) }, detail: 'This sign-in is not allowed.' });
