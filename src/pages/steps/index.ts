/** One file for each step, and the one list of them. */
import type { StepView } from '../../authentication/index.ts';
import type { Drawing, DrawnStep } from '../drawing.ts';
import { acceptTerms } from './accept-terms.ts';
import { captcha } from './captcha.ts';
import { changePassword } from './change-password.ts';
import { completeProfile } from './complete-profile.ts';
import { consent } from './consent.ts';
import { enrolFactor } from './enrol-factor.ts';
import { firstFactor, secondFactor } from './factor.ts';
import { identify } from './identify.ts';
import { linkAccount } from './link-account.ts';
import { recover } from './recover.ts';
import { register } from './register.ts';
import { verifyAddress } from './verify-address.ts';

/** Draws whatever a flow needs next. */
export function drawStep(drawing: Drawing, step: StepView): DrawnStep {
  switch (step.name) {
    case 'captcha': return captcha(drawing, step);
    case 'identify': return identify(drawing, step);
    case 'first_factor': return firstFactor(drawing, step);
    case 'second_factor': return secondFactor(drawing, step);
    case 'link_account': return linkAccount(drawing, step);
    case 'enrol_factor': return enrolFactor(drawing, step);
    case 'change_password': return changePassword(drawing, step);
    case 'register': return register(drawing, step);
    case 'recover': return recover(drawing, step);
    case 'verify_email': case 'verify_phone': return verifyAddress(drawing, step);
    case 'complete_profile': return completeProfile(drawing, step);
    case 'accept_terms': return acceptTerms(drawing, step);
    case 'consent': return consent(drawing, step);
  }
}
