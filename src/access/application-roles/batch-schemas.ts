/** Uploads of role changes, as the API takes and shows them. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { idPattern } from '../../core/ids.ts';
import { operations } from './rows.ts';

export const batchIdSchema = z.string().regex(idPattern('batch'), 'must be the id of a batch');

export const batchStatuses = ['receiving', 'waiting', 'running', 'completed', 'cancelled', 'failed'] as const;
export type BatchStatus = (typeof batchStatuses)[number];

export const createBatchQuery = z.strictObject({
  operation: z.enum(operations).describe('What each line does: `assign` gives the roles, `revoke` takes them back, `replace` sets all that the subject itself has.'),
});

export const batchSchema = z.object({
  id: batchIdSchema,
  applicationId: z.string(),
  operation: z.enum(operations),
  status: z.enum(batchStatuses).describe('`completed` also when lines failed; `failed` when the batch could not go on, `error` says why.'),
  received: z.int().describe('Lines of the upload, without empty ones.'),
  done: z.int().describe('Lines worked, failed ones included.'),
  failed: z.int().describe('Lines that could not be applied; see the errors.'),
  changes: z.int().describe('Assignments that were made, changed or taken back.'),
  error: z.string().nullable(),
  createdAt: z.string(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
}).meta({ id: 'RoleBatch' });
export const batchPage = pageOf(batchSchema).meta({ id: 'RoleBatchPage' });

export const batchErrorSchema = z.object({ line: z.int().describe('From 1, empty lines counted.'), code: z.string(), detail: z.string() }).meta({ id: 'RoleBatchError' });
export const batchErrorPage = pageOf(batchErrorSchema).meta({ id: 'RoleBatchErrorPage' });
export const listBatchesQuery = z.strictObject(pageQuery.shape);
