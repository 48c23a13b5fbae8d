import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { levels, type Method, type Proof } from '../types.ts';
import { decide, missing } from './decide.ts';
import type { Facts, Policy } from './facts.ts';
import { requirements } from './requirements.ts';

const now = new Date('2026-11-24T12:00:00Z');
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1_000);

const proofs: fc.Arbitrary<Proof> = fc.record({
  method: fc.constantFrom('password', 'totp', 'webauthn', 'remembered_device', 'setup_link', 'recovery_code'),
  authenticator: fc.constantFrom('one', 'two', 'three'),
  categories: fc.subarray(['knowledge', 'possession', 'inherence', 'federated'], { minLength: 1 }),
  amr: fc.constant([]),
  phishingResistant: fc.boolean(),
  provenAt: fc.integer({ min: 0, max: 200_000 }).map(ago),
  use: fc.constantFrom('sign_in', 'recovery', 'enrolment'),
});
const names = fc.subarray(['profile', 'email', 'phone']);
const consents = fc.record({ scopes: names, claims: fc.subarray(['address']), resources: fc.constantFrom({}, { 'https://api.example.com': ['orders:read'] }) });

const risks: fc.Arbitrary<Facts['risk']> = fc.record({
  openFromHere: fc.boolean(), captchaFirst: fc.boolean(), captchaPassed: fc.boolean(), assesses: fc.boolean(),
  assessment: fc.option(fc.record({
    id: fc.constant('risk_1'), score: fc.integer({ min: 0, max: 100 }), reasons: fc.constant([]), newDevice: fc.boolean(),
    actions: fc.subarray<'notify' | 'captcha' | 'second_factor' | 'deny'>(['notify', 'captcha', 'second_factor', 'deny']) }), { nil: undefined }),
});

const someMethods = fc.subarray<Method>(['totp', 'webauthn', 'otp_email', 'password']);
const secondFactors: fc.Arbitrary<Facts['secondFactor']> = fc.record({
  mode: fc.constantFrom('off', 'optional', 'required', 'adaptive'),
  rule: fc.constant({ methods: ['totp', 'webauthn', 'recovery_code'], intervalSeconds: 86_400 }),
  ways: someMethods, enrolled: fc.subarray<Method>(['totp', 'webauthn']), hasRecoveryCodes: fc.boolean(), reachable: fc.constantFrom(...levels),
  device: fc.option(fc.integer({ min: 0, max: 200_000 }).map((age): Proof => ({
    method: 'remembered_device', authenticator: 'rdev_1', categories: ['possession'], amr: [], phishingResistant: false, provenAt: ago(age), use: 'sign_in', standsFor: ['totp'] })), { nil: undefined }),
  enrolling: fc.subarray<Method>(['totp', 'webauthn', 'recovery_code']), enrolable: fc.subarray<Method>(['totp', 'webauthn', 'recovery_code']), enrolAtSignIn: fc.boolean(),
  graceEndsAt: fc.option(fc.integer({ min: -1_000, max: 1_000 }).map(ago), { nil: undefined }), skipped: fc.boolean(), codesDeclined: fc.boolean(),
  task: fc.constantFrom<Facts['secondFactor']['task']>(undefined, { kind: 'password' }, { kind: 'enrol', method: 'totp' }, { kind: 'confirm' }),
});

const waiting = {
  registration: fc.record({ address: fc.constantFrom(undefined, { channel: 'email' as const, authenticator: 'one' }), needsApproval: fc.boolean() }),
  recovery: fc.record({ isVoid: fc.boolean(), passkeyOnly: fc.boolean(), wait: fc.constantFrom('none' as const, 'not begun' as const, 'running' as const), newPasskeyMade: fc.boolean(), secondFactorWaived: fc.boolean() }),
  profile: fc.record({ missing: fc.subarray(['displayName', 'email']), unproven: fc.constantFrom(undefined, 'email' as const, 'sms' as const) }),
  terms: fc.record({ missing: fc.subarray([{ documentId: 'terms_1', number: 1 }]) }),
};

const allFacts: fc.Arbitrary<Facts> = fc.record({
  ...waiting,
  secondFactor: secondFactors,
  risk: risks,
  hooks: fc.record({ entry: fc.constantFrom(undefined, 'asked' as const, 'unasked' as const), profile: fc.constantFrom(undefined, 'asked' as const, 'unasked' as const), denied: fc.boolean(), secondFactor: fc.boolean() }),
  flowId: fc.constant('flow_1'), channel: fc.constant('browser' as const), newUser: fc.constant(false), now: fc.constant(now), browserId: fc.constant('brow_1'),
  purpose: fc.constantFrom('sign_in', 'step_up', 'setup'),
  identifier: fc.option(fc.constant('alice'), { nil: undefined }),
  user: fc.option(fc.record({ id: fc.constant('user_1'), username: fc.constant('alice'), state: fc.constantFrom('usable', 'disabled', 'locked', 'expired', 'pending') }), { nil: undefined }),
  proofs: fc.array(proofs, { maxLength: 4 }),
  session: fc.option(fc.record({ id: fc.constant('sess_1'), proofs: fc.array(proofs, { maxLength: 3 }) }), { nil: undefined }),
  application: fc.option(fc.record({ enabled: fc.boolean(), assigned: fc.boolean(), openFromHere: fc.boolean() }), { nil: undefined }),
  passwordChange: fc.constantFrom(undefined, 'required', 'expired', 'setup'),
  newPasswordChosen: fc.boolean(),
  consent: fc.option(consents, { nil: undefined }),
  allowed: fc.boolean(),
});
const allPolicies: fc.Arbitrary<Policy> = fc.record({
  level: fc.constantFrom(undefined, 'unreachable', ...levels),
  maxAge: fc.option(fc.integer({ min: 0, max: 100_000 }), { nil: undefined }),
  freshProof: fc.boolean(),
  reachable: fc.subarray([...levels]),
  access: fc.constantFrom<Policy['access']>(
    { decision: 'allow', policy: undefined, because: '', secondFactor: undefined }, { decision: 'deny', policy: undefined, because: '', secondFactor: undefined },
    { decision: 'second_factor', policy: undefined, because: '', secondFactor: { methods: ['totp', 'webauthn'], intervalSeconds: 3_600 } }),
  secondFactorOffered: fc.boolean(),
  consent: fc.option(fc.record({ always: fc.boolean(), asked: consents }), { nil: undefined }),
});

describe('the next step of a flow', () => {
  it('is never "complete" while a requirement is not met', () => {
    fc.assert(fc.property(allFacts, allPolicies, (facts, policy) => {
      if (decide(facts, policy).kind !== 'complete') return;
      for (const requirement of requirements) expect(requirement.check(facts, policy).kind).toBe('met');
      // Said again in other words, so that a requirement that is always met would be found out.
      expect(facts.user?.state).toBe('usable');
      expect([...facts.proofs, ...(facts.session?.proofs ?? [])].some((proof) => proof.use === 'sign_in' || facts.purpose === 'setup')).toBe(true);
      if (facts.application) expect([facts.application, policy.access.decision]).toEqual([{ enabled: true, assigned: true, openFromHere: true }, expect.not.stringMatching('deny')]);
      const { secondFactor } = facts;
      const all = [...facts.proofs, ...(facts.session?.proofs ?? [])];
      const hasShown = all.some((proof) => ['totp', 'webauthn', 'recovery_code'].includes(proof.method)) || secondFactor.enrolling.length > 0;
      if (policy.access.decision === 'second_factor') expect(hasShown || secondFactor.device?.standsFor).toBeTruthy();
      const isAsked = secondFactor.mode === 'required' || (secondFactor.mode === 'optional' && secondFactor.enrolled.length > 0);
      if (isAsked) expect(hasShown || secondFactor.device || (secondFactor.skipped && secondFactor.graceEndsAt && secondFactor.graceEndsAt > now)).toBeTruthy();
      if (facts.risk.assessment?.actions.includes('second_factor')) expect(hasShown).toBe(true);
      // A device never stands for a level, at risk, or for what the account page changes.
      if (policy.level !== undefined && isAsked && !secondFactor.skipped) expect(hasShown).toBe(true);
      if (secondFactor.task) expect(all.some((proof) => proof.use === 'sign_in' && now.getTime() - proof.provenAt.getTime() <= 300_000)).toBe(true);
      if (secondFactor.task?.kind === 'enrol') expect(secondFactor.enrolling).toContain(secondFactor.task.method);
      expect(facts.risk.openFromHere && (!facts.risk.captchaFirst || facts.risk.captchaPassed)).toBe(true);
      if (facts.proofs.length > 0 && facts.risk.assesses) expect(facts.risk.assessment).toBeDefined();
      if (facts.proofs.length > 0) expect(facts.risk.assessment?.actions ?? []).not.toContain('deny');
      expect(facts.hooks.denied).toBe(false);
      if (facts.proofs.length > 0) expect([facts.hooks.entry, facts.hooks.profile]).not.toContain('unasked');
      if (facts.hooks.secondFactor) expect(hasShown).toBe(true);
      if (facts.passwordChange) expect(facts.newPasswordChosen).toBe(true);
      expect([facts.profile.missing, facts.profile.unproven, facts.terms.missing]).toEqual([[], undefined, []]);
      if (policy.consent?.always) expect(facts.allowed).toBe(true);
    }), { numRuns: 5_000 });
  });

  it('lacks no less when a proof is taken away', () => {
    fc.assert(fc.property(allFacts, allPolicies, fc.nat(), (facts, policy, index) => {
      const inFlow = index % Math.max(1, facts.proofs.length);
      const fewer: Facts = { ...facts, proofs: facts.proofs.filter((_, place) => place !== inFlow), session: undefined };
      const missed = missing(facts, policy).map(({ name }) => name);
      expect(missing(fewer, policy).map(({ name }) => name)).toEqual(expect.arrayContaining(missed));
    }), { numRuns: 5_000 });
  });

  it.each(requirements.map(({ name }) => name))('denies when the requirement %s throws', (name) => {
    const broken = requirements.map((requirement) => (requirement.name === name ? { name, check: () => { throw new Error('broken'); } } : { name: requirement.name, check: () => ({ kind: 'met' as const }) }));
    fc.assert(fc.property(allFacts, allPolicies, (facts, policy) => {
      expect(decide(facts, policy, broken)).toMatchObject({ kind: 'denied', reason: 'policy_error' });
    }), { numRuns: 20 });
  });

  it('says nothing of the account before a proof', () => {
    fc.assert(fc.property(allFacts, allPolicies, (facts, policy) => {
      const unproven: Facts = { ...facts, purpose: 'sign_in', user: undefined, proofs: [], session: undefined, passwordChange: undefined, risk: signedIn.risk };
      expect(decide(unproven, policy)).toEqual({ kind: 'step', step: facts.identifier === undefined ? 'identify' : 'first_factor' });
    }));
  });
});

const proven = (proof: Partial<Proof> = {}): Proof => ({
  method: 'password', authenticator: 'password', categories: ['knowledge'], amr: ['pwd'], phishingResistant: false, provenAt: ago(5), use: 'sign_in', ...proof });
const signedIn: Facts = {
  registration: { address: undefined, needsApproval: false }, recovery: { isVoid: false, passkeyOnly: false, wait: 'none', newPasskeyMade: false, secondFactorWaived: false }, profile: { missing: [], unproven: undefined }, terms: { missing: [] },
  flowId: 'flow_1', channel: 'browser', newUser: false, purpose: 'sign_in', now, browserId: 'brow_1', identifier: 'alice', user: { id: 'user_1', username: 'alice', state: 'usable' },
  proofs: [proven()], session: undefined, application: { enabled: true, assigned: true, openFromHere: true }, passwordChange: undefined, newPasswordChosen: false, consent: undefined, allowed: false,
  hooks: { entry: undefined, profile: undefined, denied: false, secondFactor: false },
  risk: { openFromHere: true, captchaFirst: false, captchaPassed: false, assesses: false, assessment: undefined },
  get secondFactor() { return none; } };
const none: Facts['secondFactor'] = {
  mode: 'optional', rule: { methods: ['totp', 'webauthn', 'recovery_code'], intervalSeconds: 86_400 }, ways: [], enrolled: [], hasRecoveryCodes: false, reachable: 'urn:postern:acr:single',
  device: undefined, enrolling: [], enrolable: [], enrolAtSignIn: true, graceEndsAt: undefined, skipped: false, codesDeclined: false, task: undefined };
const withTotp: Facts['secondFactor'] = { ...none, ways: ['totp'], enrolled: ['totp'], reachable: 'urn:postern:acr:multi' };
const remembered = (age = 60): Proof => proven({ method: 'remembered_device', authenticator: 'rdev_1', amr: [], provenAt: ago(age), standsFor: ['totp'] });
const risky = (actions: NonNullable<Facts['risk']['assessment']>['actions'], captchaPassed = false): Facts['risk'] => ({ ...signedIn.risk, captchaPassed, assesses: true, assessment: { id: 'risk_1', score: 80, reasons: [], actions, newDevice: false } });
const noPolicy: Policy['access'] = { decision: 'allow', policy: undefined, because: '', secondFactor: undefined };
const totp: Policy['access'] = { decision: 'second_factor', policy: undefined, because: '', secondFactor: { methods: ['totp'], intervalSeconds: 3_600 } };
const code = (change: Partial<Proof> = {}) => proven({ method: 'totp', authenticator: 'cred_1', categories: ['possession'], amr: ['otp'], ...change });
const open: Policy = { level: undefined, maxAge: undefined, freshProof: false, reachable: ['urn:postern:acr:single'], consent: undefined, access: noPolicy, secondFactorOffered: false };
const asked = { scopes: ['profile'], claims: [], resources: {} };

describe('what a flow requires', () => {
  it.each<[string, Partial<Facts>, Partial<Policy>, unknown]>([
    ['nothing more after a password', {}, {}, { kind: 'complete' }],
    ['a proof again when it is older than ten minutes', { proofs: [proven({ provenAt: ago(601) })] }, {}, { kind: 'step', step: 'first_factor' }],
    ['no proof while the session has one', { proofs: [], session: { id: 's', proofs: [proven({ provenAt: ago(7_200) })] } }, {}, { kind: 'complete' }],
    ['a fresh proof for prompt=login', { proofs: [], session: { id: 's', proofs: [proven()] } }, { freshProof: true }, { kind: 'step', step: 'first_factor' }],
    ['a fresh proof when the session is older than max_age', { proofs: [], session: { id: 's', proofs: [proven({ provenAt: ago(61) })] } }, { maxAge: 60 }, { kind: 'step', step: 'first_factor' }],
    ['a sign-in, for a recovery is none', { proofs: [proven({ use: 'recovery' })] }, {}, { kind: 'step', step: 'first_factor' }],
    ['a sign-in, for a remembered device is none', { proofs: [proven({ method: 'remembered_device' })] }, {}, { kind: 'step', step: 'first_factor' }],
    ['an account that is not disabled', { user: { id: 'user_1', username: 'alice', state: 'disabled' } }, {}, { kind: 'denied', reason: 'account_disabled', error: 'access_denied' }],
    ['an assignment', { application: { enabled: true, assigned: false, openFromHere: true } }, {}, { kind: 'denied', reason: 'not_assigned', error: 'access_denied' }],
    ['a network that the application is open from', { application: { enabled: true, assigned: true, openFromHere: false } }, {}, { kind: 'denied', reason: 'network_zone', error: 'access_denied' }],
    ['an address that people may sign in from, before anything else', { proofs: [], user: undefined, identifier: undefined, risk: { ...signedIn.risk, openFromHere: false } }, {}, { kind: 'denied', reason: 'sign_in_zone', error: 'access_denied' }],
    ['a captcha before a name', { proofs: [], user: undefined, identifier: undefined, risk: { ...signedIn.risk, captchaFirst: true } }, {}, { kind: 'step', step: 'captcha' }],
    ['an assessment, where sign-ins are assessed', { risk: { ...signedIn.risk, assesses: true } }, {}, { kind: 'effect', effect: 'risk.assess' }],
    ['the answer of flow webhooks', { hooks: { ...signedIn.hooks, entry: 'unasked' } }, {}, { kind: 'effect', effect: 'hooks.entry' }],
    ['none of them where nothing was proven here', { hooks: { ...signedIn.hooks, entry: 'unasked' }, proofs: [], session: { id: 'sess_1', proofs: signedIn.proofs } }, {}, { kind: 'complete' }],
    ['no denial by a flow webhook', { hooks: { ...signedIn.hooks, denied: true } }, {}, { kind: 'denied', reason: 'webhook', error: 'access_denied' }],
    ['no denial by risk', { risk: risky(['notify', 'captcha', 'deny']) }, {}, { kind: 'denied', reason: 'risk', error: 'access_denied' }],
    ['a captcha that the risk asks for', { risk: risky(['captcha']) }, {}, { kind: 'step', step: 'captcha' }],
    ['it once', { risk: risky(['captcha'], true) }, {}, { kind: 'complete' }],
    ['no policy against it', {}, { access: { ...noPolicy, decision: 'deny', policy: { id: 'policy_1', name: 'Nobody', priority: 1 }, because: 'it is about everybody' } }, { kind: 'denied', reason: 'access_policy', error: 'access_denied', policy: { id: 'policy_1', name: 'Nobody', because: 'it is about everybody' } }],
    ['the second factor of a policy, which nobody can show here', {}, { access: totp }, { kind: 'denied', reason: 'level_unreachable', error: 'unmet_authentication_requirements' }],
    ['the second factor of a policy', { secondFactor: withTotp }, { access: totp, secondFactorOffered: true }, { kind: 'step', step: 'second_factor' }],
    ['no more once it was shown', { proofs: [proven(), code()] }, { access: totp }, { kind: 'complete' }],
    ['it again when it is older than the policy allows', { secondFactor: withTotp, session: { id: 's', proofs: [code({ provenAt: ago(3_601) })] } }, { access: totp, secondFactorOffered: true }, { kind: 'step', step: 'second_factor' }],
    ['one of the methods that the policy names', { secondFactor: withTotp, proofs: [proven(), code({ method: 'otp_sms' })] }, { access: totp, secondFactorOffered: true }, { kind: 'step', step: 'second_factor' }],
    ['a level that can be reached', {}, { level: 'urn:postern:acr:multi' }, { kind: 'denied', reason: 'level_unreachable', error: 'unmet_authentication_requirements' }],
    ['a second factor where one would reach the level', { secondFactor: withTotp }, { level: 'urn:postern:acr:multi', reachable: ['urn:postern:acr:multi'] }, { kind: 'step', step: 'second_factor' }],
    ['what the account has, for a level', {}, { level: 'urn:postern:acr:multi', reachable: ['urn:postern:acr:multi'] }, { kind: 'denied', reason: 'no_second_factor', error: 'unmet_authentication_requirements' }],
    ['the second factor that somebody set up', { secondFactor: withTotp }, {}, { kind: 'step', step: 'second_factor' }],
    ['none where the mode is off', { secondFactor: { ...withTotp, mode: 'off' } }, {}, { kind: 'complete' }],
    ['none with a remembered browser', { secondFactor: { ...withTotp, device: remembered() } }, {}, { kind: 'complete' }],
    ['one in a remembered browser when a level was asked', { secondFactor: { ...withTotp, device: remembered() } }, { level: 'urn:postern:acr:multi', reachable: ['urn:postern:acr:multi'] }, { kind: 'step', step: 'second_factor' }],
    ['one in a remembered browser when the risk asks for it', { secondFactor: { ...withTotp, device: remembered() }, risk: risky(['second_factor']) }, {}, { kind: 'step', step: 'second_factor' }],
    ['one in a remembered browser at risk', { secondFactor: { ...withTotp, device: remembered() }, risk: risky(['captcha'], true) }, {}, { kind: 'step', step: 'second_factor' }],
    ['none of a policy with a browser remembered within its interval', { secondFactor: { ...withTotp, device: remembered() } }, { access: totp, secondFactorOffered: true }, { kind: 'complete' }],
    ['one of a policy when the browser was remembered before its interval', { secondFactor: { ...withTotp, device: remembered(3_601) } }, { access: totp, secondFactorOffered: true }, { kind: 'step', step: 'second_factor' }],
    ['the method of a policy, not the one a browser was remembered for', { secondFactor: { ...withTotp, ways: ['totp', 'webauthn'], device: remembered() } }, { access: { ...totp, secondFactor: { methods: ['webauthn'], intervalSeconds: 3_600 } }, secondFactorOffered: true }, { kind: 'step', step: 'second_factor' }],
    ['setting one up where everybody needs one', { secondFactor: { ...none, mode: 'required', enrolable: ['totp'] } }, {}, { kind: 'step', step: 'enrol_factor' }],
    ['no more once it was set up', { secondFactor: { ...none, mode: 'required', enrolable: ['totp'], enrolling: ['totp'] } }, {}, { kind: 'complete' }],
    ['an administrator, where nobody sets one up alone', { secondFactor: { ...none, mode: 'required', enrolable: ['totp'], enrolAtSignIn: false } }, {}, { kind: 'denied', reason: 'no_second_factor', error: 'unmet_authentication_requirements' }],
    ['nothing while it may be put off', { secondFactor: { ...none, mode: 'required', enrolable: ['totp'], skipped: true, graceEndsAt: ago(-60) } }, {}, { kind: 'complete' }],
    ['setting one up when the time is over', { secondFactor: { ...none, mode: 'required', enrolable: ['totp'], skipped: true, graceEndsAt: ago(1) } }, {}, { kind: 'step', step: 'enrol_factor' }],
    ['one now, where a policy cannot be put off', { secondFactor: { ...none, mode: 'required', enrolable: ['totp'], skipped: true, graceEndsAt: ago(-60) } }, { access: totp, secondFactorOffered: true }, { kind: 'step', step: 'enrol_factor' }],
    ['the existing second factor before another one is added', { secondFactor: { ...withTotp, enrolable: ['webauthn'] }, proofs: [proven(), code({ provenAt: ago(301) })] }, { access: { ...totp, secondFactor: { methods: ['webauthn'], intervalSeconds: 3_600 } }, secondFactorOffered: true }, { kind: 'step', step: 'second_factor' }],
    ['then the one that the policy names', { secondFactor: { ...withTotp, enrolable: ['webauthn'] }, proofs: [proven(), code({ provenAt: ago(299) })] }, { access: { ...totp, secondFactor: { methods: ['webauthn'], intervalSeconds: 3_600 } }, secondFactorOffered: true }, { kind: 'step', step: 'enrol_factor' }],
    ['no new factor from a sign-in at risk', { secondFactor: { ...none, mode: 'adaptive', enrolable: ['totp'] }, risk: risky(['second_factor']) }, {}, { kind: 'denied', reason: 'no_second_factor', error: 'unmet_authentication_requirements' }],
    ['recovery codes to be offered beside the first factor', { secondFactor: { ...none, mode: 'required', enrolable: ['totp', 'recovery_code'], enrolling: ['totp'] } }, {}, { kind: 'step', step: 'enrol_factor' }],
    ['the existing factor, five minutes old at most, for a change of the account', { secondFactor: { ...withTotp, task: { kind: 'password' } }, proofs: [proven(), code({ provenAt: ago(301) })] }, {}, { kind: 'step', step: 'second_factor' }],
    ['a fresh proof for it from who has no second factor', { secondFactor: { ...none, task: { kind: 'password' } }, proofs: [proven({ provenAt: ago(301) })] }, {}, { kind: 'step', step: 'first_factor' }],
    ['the present password before another is chosen', { proofs: [], session: { id: 's', proofs: [proven()] }, passwordChange: 'required' }, {}, { kind: 'step', step: 'first_factor' }],
    ['the address of a registration', { purpose: 'register', user: undefined, proofs: [] }, {}, { kind: 'step', step: 'register' }],
    ['that it is proven', { purpose: 'register', user: undefined, newUser: true, proofs: [], registration: { address: { channel: 'email', authenticator: 'mailbox/1' }, needsApproval: false } }, {}, { kind: 'step', step: 'verify_email' }],
    ['no session of a recovery that was overtaken', { purpose: 'recover', proofs: [proven({ use: 'recovery' })], recovery: { isVoid: true, passkeyOnly: false, wait: 'none', newPasskeyMade: false, secondFactorWaived: false } }, {}, { kind: 'denied', reason: 'recovery_void', error: 'access_denied' }],
    ['that the time begins', { purpose: 'recover', proofs: [proven({ use: 'recovery' })], recovery: { isVoid: false, passkeyOnly: true, wait: 'not begun', newPasskeyMade: false, secondFactorWaived: false } }, {}, { kind: 'effect', effect: 'recovery.wait' }],
    ['a passkey once it has passed', { purpose: 'recover', proofs: [proven({ use: 'recovery' })], recovery: { isVoid: false, passkeyOnly: true, wait: 'none', newPasskeyMade: false, secondFactorWaived: false } }, {}, { kind: 'step', step: 'enrol_factor' }],
    ['that time passes where a passkey was all there was', { purpose: 'recover', proofs: [proven({ use: 'recovery' })], recovery: { isVoid: false, passkeyOnly: true, wait: 'running', newPasskeyMade: false, secondFactorWaived: false } }, {}, { kind: 'denied', reason: 'recovery_waiting', error: 'access_denied' }],
    ['an address that the instance wants proven', { profile: { missing: [], unproven: 'email' } }, {}, { kind: 'step', step: 'verify_email' }],
    ['fields that are missing', { profile: { missing: ['displayName'], unproven: undefined } }, {}, { kind: 'step', step: 'complete_profile' }],
    ['terms that are new', { terms: { missing: [{ documentId: 'terms_1', number: 2 }] } }, {}, { kind: 'step', step: 'accept_terms' }],
    ['another password where it must change', { passwordChange: 'expired' }, {}, { kind: 'step', step: 'change_password' }],
    ['consent to new scopes', {}, { consent: { always: false, asked } }, { kind: 'step', step: 'consent' }],
    ['no consent to what was allowed before', { consent: asked }, { consent: { always: false, asked } }, { kind: 'complete' }],
    ['consent again for prompt=consent', { consent: asked }, { consent: { always: true, asked } }, { kind: 'step', step: 'consent' }],
    ['consent to a new resource', { consent: asked }, { consent: { always: false, asked: { ...asked, resources: { 'https://api.example.com': [] } } } }, { kind: 'step', step: 'consent' }],
    ['a password from who opened a set-up link', { purpose: 'setup', proofs: [proven({ method: 'setup_link', use: 'recovery', provenAt: ago(3_000) })], passwordChange: 'setup' }, {}, { kind: 'step', step: 'change_password' }],
  ])('%s', (_name, facts, policy, expected) => {
    expect(decide({ ...signedIn, ...facts }, { ...open, ...policy })).toEqual(expected);
  });
});
