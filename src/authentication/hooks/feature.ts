/**
 * Flow webhooks as a part of the engine: after the first proof they are asked whether somebody may register, sign in or
 * change their profile. Each hook once for each trigger of a flow: a row says that it was called before it is.
 */
import { z } from 'zod';
import type { Prisma } from '../../generated/prisma/client.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import type { FlowFeature, Loading } from '../flow/feature.ts';
import type { Situation } from '../flow/situation.ts';
import { advance, type FlowState } from '../flow/store.ts';
import { answerSchema, type HookAnswer } from './answer.ts';
import { callHook } from './call.ts';
import type { AskingTrigger, Hook } from './hook.ts';
import { hooksAt } from './hooks.ts';
import { flowPart } from './payload.ts';

export interface HookFacts {
  /** Whether the hooks for signing in (or registering) were asked, and those for a changed profile; undefined: there is nothing to ask. */
  readonly entry: 'asked' | 'unasked' | undefined;
  readonly profile: 'asked' | 'unasked' | undefined;
  readonly denied: boolean;
  readonly secondFactor: boolean;
}

const storedSchema = z.record(z.string(), z.array(answerSchema));
/** Throws when the column holds anything else: the flow is then denied. */
const readStored = (flow: Pick<FlowState, 'hookResults'>) => storedSchema.parse(flow.hookResults ?? {});

const entryTrigger = (flow: FlowState): AskingTrigger => (flow.userId === null && flow.pending.newUser !== undefined ? 'registration.before' : 'sign_in.before');
const waitingSchema = z.object({ builtIn: z.record(z.string(), z.unknown()).default({}), customFields: z.record(z.string(), z.unknown()).default({}) });

/** What of the profile is about to be saved. */
function changesOf(flow: FlowState): Record<string, unknown> {
  const { builtIn, customFields } = waitingSchema.parse(flow.pending.features?.['profile'] ?? {});
  return { ...builtIn, ...(Object.keys(customFields).length > 0 && { customFields }) };
}

/** Something of the profile waits to be written. */
const changesProfile = (flow: FlowState): boolean => flow.userId !== null && Object.keys(changesOf(flow)).length > 0;

async function load(context: InstanceContext, { flow }: Loading): Promise<HookFacts> {
  const stored = readStored(flow);
  const stateOf = async (trigger: AskingTrigger) => (Object.hasOwn(stored, trigger) ? 'asked' as const : (await hooksAt(context, trigger)).length > 0 ? 'unasked' as const : undefined);
  const answers = Object.values(stored).flat();
  return {
    entry: await stateOf(entryTrigger(flow)), profile: changesProfile(flow) ? await stateOf('profile.before') : undefined,
    denied: answers.some(({ action }) => action === 'deny'), secondFactor: answers.some(({ action }) => action === 'require_step'),
  };
}

export const hooks: FlowFeature<'hooks'> = {
  name: 'hooks',
  load,
  effects: {
    'hooks.entry': (context, situation) => ask(context, situation, entryTrigger(situation.flow)),
    'hooks.profile': (context, situation) => ask(context, situation, 'profile.before'),
  },
};

/** Asks the hooks of a trigger one after the other, until one denies. False: another request is at it. */
async function ask(context: InstanceContext, situation: Situation, trigger: AskingTrigger): Promise<boolean> {
  const { flow } = situation;
  const answers: HookAnswer[] = [];
  for (const hook of await hooksAt(context, trigger)) {
    const answer = await askOnce(context, situation, hook, trigger);
    if (answer === undefined) return false;
    answers.push(answer);
    if (answer.action === 'deny') break;
  }
  return advance(context, flow, { hookResults: { ...readStored(flow), [trigger]: answers } as Prisma.InputJsonObject });
}

/** A call that was begun this long ago and left no answer was lost with its server. */
const lostMilliseconds = 10_000;

async function askOnce(context: InstanceContext, situation: Situation, hook: Hook, trigger: AskingTrigger): Promise<HookAnswer | undefined> {
  const { flow, user } = situation;
  const where = { flowId: flow.id, hookId: hook.id, trigger };
  const { count } = await context.db.flowHookRun.createMany({ data: [{ ...where, startedAt: context.now() } as Prisma.FlowHookRunCreateManyInput], skipDuplicates: true });
  if (count === 0) {
    const run = await context.db.flowHookRun.findFirst({ where });
    const known = answerSchema.safeParse(run?.answer);
    if (known.success) return known.data;
    return run && context.now().getTime() - run.startedAt.getTime() < lostMilliseconds ? undefined : onFailure(hook);
  }
  const result = await callHook(context, hook, { trigger, flowId: flow.id, userId: user?.id, payload: { ...flowPart(context, situation), ...(trigger === 'profile.before' && { changes: changesOf(flow) }) } });
  const answer = result.status === 'answered' ? result.answer : onFailure(hook);
  await context.db.flowHookRun.updateMany({ where, data: { answer: answer as Prisma.InputJsonObject } });
  return answer;
}

export const onFailure = (hook: Hook): HookAnswer => (hook.onFailure === 'continue' ? { action: 'continue' } : { action: 'deny' });
