/** What risk asks of a flow; flow/requirements.ts says when. */
import type { Facts } from '../flow/facts.ts';
import { denied, effect, met, type Requirement, unmet } from '../flow/verdicts.ts';

/** Before any account is looked up: from where, and whether a captcha comes first. */
export const door: Requirement = {
  name: 'door',
  check({ risk }) {
    if (!risk.openFromHere) return denied('sign_in_zone');
    return risk.captchaFirst && !risk.captchaPassed ? unmet('captcha') : met;
  },
};

/** After a proof: the assessment, and what it asks for. The second factor is asked for by `demandsSecondFactor`. */
export const riskRequirement: Requirement = {
  name: 'risk',
  check({ risk, proofs, session }) {
    // Nothing was proven here: there is nothing to assess. Without a session either, a proof is missing anyway.
    if (proofs.length === 0) return session === undefined ? unmet('first_factor') : met;
    if (risk.assessment === undefined) return risk.assesses ? effect('risk.assess') : met;
    if (risk.assessment.actions.includes('deny')) return denied('risk');
    return risk.assessment.actions.includes('captcha') && !risk.captchaPassed ? unmet('captcha') : met;
  },
};

/** For the policy of second factors: the assessment demands one, whatever else holds. */
export const demandsSecondFactor = ({ risk }: Pick<Facts, 'risk'>): boolean => risk.assessment?.actions.includes('second_factor') ?? false;

/** Nothing that counted. An instance that does not assess knows no risk, so nothing is low there. */
export const isRiskLow = ({ risk }: Pick<Facts, 'risk'>): boolean => risk.assessment !== undefined && risk.assessment.score === 0;
