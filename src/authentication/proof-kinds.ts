/** The tokens and links of this feature, for the registry of everything that is minted (core/proof-registry.ts). */
import type { ProofKind } from '../core/proof-registry.ts';
import { codeSeconds } from './profile/address-codes.ts';
import { challengeSeconds } from './risk/captcha.ts';

export const browserTokenSeconds = 400 * 86_400;
export const browserFlowSeconds = 3_600;
export const apiFlowSeconds = 900;
export const setupLinkSeconds = 86_400;
export const crossSitePostSeconds = 60;
export const longestCodeSeconds = 900;
export const longestLinkSeconds = 1_800;
export const longestRecoverySeconds = 3_600;

export const authenticationProofKinds: readonly ProofKind[] = [
  { name: 'authentication.browser-token', purpose: 'Tells one browser from another; signs in nobody.', subject: 'browser', target: 'browser cookie', lifetimeSeconds: browserTokenSeconds, oneTime: false, stored: 'hash' },
  { name: 'authentication.session-token', purpose: 'Speaks for a signed-in browser.', subject: 'session', target: 'session cookie', oneTime: false, stored: 'hash' },
  { name: 'authentication.flow-id', purpose: 'Names a sign-in under way; worthless without its browser.', subject: 'flow', target: 'sign-in page', lifetimeSeconds: browserFlowSeconds, oneTime: false, stored: 'row' },
  { name: 'authentication.api-flow-handle', purpose: 'Speaks for a sign-in that a program draws; worthless without its application.', subject: 'flow', target: 'Authentication API, Authorization: Flow', lifetimeSeconds: apiFlowSeconds, oneTime: false, stored: 'hash' },
  { name: 'authentication.form-token', purpose: 'Shows that a form was drawn for this browser, flow and version.', subject: 'flow', target: 'sign-in page, field form_token', lifetimeSeconds: browserFlowSeconds, oneTime: true, stored: 'not stored' },
  { name: 'authentication.setup-link', purpose: 'Lets the first administrator choose a password.', subject: 'user', target: 'set-up page', lifetimeSeconds: setupLinkSeconds, oneTime: true, stored: 'hash' },
  { name: 'authentication.captcha-challenge', purpose: 'A task for one sign-in; its answer proves work, not a person.', subject: 'flow', target: 'sign-in page and Authentication API, step captcha', lifetimeSeconds: challengeSeconds, oneTime: true, stored: 'not stored' },
  { name: 'authentication.sign-in-code', purpose: 'Shows that a mailbox or telephone is at hand, in one sign-in.', subject: 'flow', target: 'sign-in page, field code', lifetimeSeconds: longestCodeSeconds, oneTime: true, stored: 'hash' },
  { name: 'authentication.magic-link', purpose: 'Shows that a mailbox is at hand, in the browser that asked for it.', subject: 'flow', target: 'sign-in link page, field token', lifetimeSeconds: longestLinkSeconds, oneTime: true, stored: 'hash' },
  { name: 'authentication.link-code', purpose: 'Shows that a sign-in link was opened on another device.', subject: 'flow', target: 'sign-in page, field code of a link', lifetimeSeconds: longestLinkSeconds, oneTime: true, stored: 'hash' },
  { name: 'authentication.recovery-code', purpose: 'Stands in for a lost second factor.', subject: 'user', target: 'sign-in page, field code of a recovery code', oneTime: true, stored: 'hash' },
  { name: 'authentication.recovery-link', purpose: 'Shows that a mailbox is at hand, to choose a new password.', subject: 'user', target: 'recovery page', lifetimeSeconds: longestRecoverySeconds, oneTime: true, stored: 'hash' },
  { name: 'authentication.address-code', purpose: 'Shows that an address is at hand: of a new account, in its place of an old one, or to recover an account.', subject: 'flow', target: 'sign-in page, field code of an address', lifetimeSeconds: codeSeconds, oneTime: true, stored: 'hash' },
  { name: 'authentication.passkey-challenge', purpose: 'Makes the answer of a passkey fresh, in one flow and use.', subject: 'flow', target: 'sign-in page, field credential', lifetimeSeconds: browserFlowSeconds, oneTime: true, stored: 'not stored' },
  { name: 'authentication.account-form-token', purpose: 'Shows that a form of the account page was drawn for this session and browser.', subject: 'session', target: 'account page, field formToken', oneTime: false, stored: 'not stored' },
  { name: 'authentication.cross-site-post', purpose: 'Carries a cross-site POST over to a GET with cookies.', subject: 'browser', target: 'the address it was posted to', lifetimeSeconds: crossSitePostSeconds, oneTime: true, stored: 'hash' },
];
