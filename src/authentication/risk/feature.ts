/** Risk as a part of the flow engine: who may come at all, a captcha where it is asked for, and one assessment for each flow. */
import { z } from 'zod';
import type { Prisma } from '../../generated/prisma/client.ts';
import { append } from '../../events/index.ts';
import { type InstanceContext, isSignInOpenFromHere } from '../../tenancy/index.ts';
import { accepted, type Action, isAt, nothing, page, refuse } from '../flow/action.ts';
import type { FlowFeature, Loading } from '../flow/feature.ts';
import { advance } from '../flow/store.ts';
import { assess } from './assess.ts';
import { checkAnswer, makeChallenge } from './captcha.ts';
import { addressKey, nameKey, readCounters } from './counters.ts';
import { captchaSolved, newDeviceSignedIn } from './events.ts';
import { readRisk, type StoredAssessment } from './stored.ts';

export interface RiskFacts {
  /** By the lists of the instance, from the address of this request. */
  readonly openFromHere: boolean;
  /** A captcha is asked for before a name is looked up. */
  readonly captchaFirst: boolean;
  readonly captchaPassed: boolean;
  /** Whether this instance assesses sign-ins. */
  readonly assesses: boolean;
  readonly assessment: StoredAssessment | undefined;
}

async function load(context: InstanceContext, { flow, proofs }: Loading): Promise<RiskFacts> {
  const { captchaPassedAt, assessment } = readRisk(flow);
  const captchaPassed = captchaPassedAt !== undefined;
  return {
    openFromHere: await isSignInOpenFromHere(context),
    captchaPassed, assessment,
    // Who has proven something is nobody to guess any more.
    captchaFirst: !captchaPassed && proofs.length === 0 && flow.status === 'active' && await isCaptchaAsked(context, flow.identifier),
    assesses: context.instance.settings.risk.mode !== 'off',
  };
}

async function isCaptchaAsked(context: InstanceContext, identifier: string | undefined): Promise<boolean> {
  const { ask, failuresPerAddress, failuresPerName } = context.instance.settings.captcha;
  if (ask !== 'velocity') return ask === 'always';
  // Counted for the name as typed, whether or not there is such an account.
  const keys = [addressKey(context, 'failure_address'), ...(identifier === undefined ? [] : [nameKey(context, 'failure_name', identifier)])];
  const [ofAddress = 0, ofName = 0] = await readCounters(context, keys);
  return ofAddress >= failuresPerAddress || ofName >= failuresPerName;
}

/** `captcha`: a solution, or none from who waited. */
const solveCaptcha: Action = async (context, { situation: { flow }, decision, fields }) => {
  if (!isAt(decision, 'captcha')) return page;
  const solution = fields['solution'] ?? '';
  const verdict = await checkAnswer(context, flow.id, fields['challenge'] ?? '', solution);
  if (verdict === 'too soon') return refuse(context, flow, { code: 'Captcha.Too.Soon' });
  if (verdict !== 'right') return refuse(context, flow, { code: 'Captcha.Not.Solved' });
  return accepted(await context.transaction(async (tx) => {
    const risk = { ...readRisk(flow), captchaPassedAt: tx.now().toISOString() } as Prisma.InputJsonObject;
    const done = await advance(tx, flow, { risk, notice: nothing });
    if (done) await append(tx, captchaSolved(flow.id, solution === '' ? 'waiting' : 'work'));
    return done;
  }));
};

export const risk: FlowFeature<'risk'> = {
  name: 'risk',
  load,
  effects: { 'risk.assess': assess },
  actions: { captcha: solveCaptcha },
  inputs: { captcha: z.object({
    challenge: z.string().max(500).describe('Of the step.'),
    solution: z.string().max(12).default('').describe('The decimal number with which SHA-256 of `{challenge}.{number}` begins with `difficulty` zero bits. Empty: `waitSeconds` have passed.'),
  }) },
  views: {
    async captcha(context, { flow }) {
      const { challenge, difficulty, waitSeconds } = makeChallenge(context, flow.id);
      return { name: 'captcha', challenge, difficulty, waitSeconds };
    },
  },
  async store(tx, { flow }, userId) {
    const { assessment } = readRisk(flow);
    if (!assessment) return;
    // From now on this place counts as known. An account that was just made gets its first one.
    await tx.db.riskAssessment.updateMany({ where: { id: assessment.id }, data: { completedAt: tx.now(), userId } });
    if (assessment.newDevice) await append(tx, newDeviceSignedIn(userId, { flowId: flow.id, assessmentId: assessment.id, score: assessment.score }));
  },
};
