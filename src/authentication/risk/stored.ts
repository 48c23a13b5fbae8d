/** What the column `risk` of a flow holds. */
import { z } from 'zod';
import type { FlowState } from '../flow/store.ts';
import { riskActions } from './policy.ts';

const storedRiskSchema = z.object({
  captchaPassedAt: z.iso.datetime().optional(),
  assessment: z.object({
    id: z.string(),
    score: z.int(),
    reasons: z.array(z.string()),
    /** What holds in this flow: without those that are only observed. */
    actions: z.array(z.enum(riskActions)),
    newDevice: z.boolean(),
  }).optional(),
});
export type StoredRisk = z.infer<typeof storedRiskSchema>;
export type StoredAssessment = NonNullable<StoredRisk['assessment']>;

/** Throws when the column holds anything else: the flow is then denied. */
export const readRisk = (flow: Pick<FlowState, 'risk'>): StoredRisk => storedRiskSchema.parse(flow.risk ?? {});
