/** Groups and their members as the REST API takes and shows them. */
import { z } from 'zod';
import { pageOf, pageQuery } from '../../core/http/paging.ts';
import { longText, text } from '../../core/http/text.ts';
import { idPattern } from '../../core/ids.ts';
import { memberUserSchema, mostInBatch, userIdsSchema } from '../member-schemas.ts';
import { userIdSchema } from '../schemas.ts';

export const groupIdSchema = z.string().regex(idPattern('group'), 'must be the id of a group, such as group_01k9v6z3x4p5q6r7s8t9v0w1x2');
export const groupKindSchema = z.enum(['static', 'dynamic']).describe('static: members are added by hand. dynamic: those whom `rule` matches, kept by the server.');

const rule = longText(4_000).min(1, 'must not be empty').describe('A CEL expression over `user` that is true for members, such as `user.email.endsWith("@example.com")`.');
const profile = {
  name: text(120).describe('Unique; names that look alike count as one.'),
  description: longText(500).nullable(),
  externalId: text(255).nullable().describe('The id in the system that the group comes from.'),
};

export const createGroupSchema = z.strictObject({
  ...z.object(profile).partial().shape,
  name: profile.name,
  kind: groupKindSchema.default('static'),
  rule: rule.optional(),
}).meta({ id: 'CreateGroup', examples: [{ name: 'Approvers' }, { name: 'Everybody at Example', kind: 'dynamic', rule: 'user.email.endsWith("@example.com")' }] });
export type CreateGroup = z.input<typeof createGroupSchema>;

export const updateGroupSchema = z.strictObject({ ...profile, rule: rule.describe('Of a dynamic group. A new rule is applied to all users in the background; see `rule-run`.') }).partial()
  .meta({ id: 'UpdateGroup', description: 'Only what is named changes; null clears (RFC 7396).', examples: [{ description: 'May approve orders' }] });
export type UpdateGroup = z.infer<typeof updateGroupSchema>;

export const groupSchema = z.object({
  id: groupIdSchema,
  name: z.string(),
  description: z.string().nullable(),
  externalId: z.string().nullable(),
  kind: groupKindSchema,
  rule: z.string().nullable().describe('Null for a static group.'),
  createdAt: z.string(),
  updatedAt: z.string(),
}).meta({ id: 'Group' });

export const listGroupsQuery = z.strictObject({
  name: text(120).optional().describe('Groups whose name starts with this; capitals and look-alikes do not count.'),
  kind: groupKindSchema.optional(),
  externalId: text(255).optional(),
  ...pageQuery.shape,
});
export const groupPage = pageOf(groupSchema).meta({ id: 'GroupPage' });

export const listGroupMembersQuery = z.strictObject({
  effective: z.enum(['true', 'false']).default('false').describe('Whether members of the groups nested in it count, too. Each user is listed once.'),
  ...pageQuery.shape,
});
export const groupMemberPage = pageOf(z.object({
  user: memberUserSchema,
  through: groupIdSchema.nullable().describe('The nested group that the user is a member of; null for a direct member.'),
})).meta({ id: 'GroupMemberPage', description: 'A page can have fewer items than `limit` although more follow.' });

export const groupMembersSchema = z.strictObject({ userIds: userIdsSchema }).meta({ id: 'GroupMembers' });
export const putGroupMembersSchema = z.strictObject({
  userIds: z.array(userIdSchema).max(mostInBatch, `must name at most ${mostInBatch} users`).refine((ids) => new Set(ids).size === ids.length, 'must not name a user twice').describe('The whole set; empty: nobody.'),
}).meta({ id: 'PutGroupMembers' });

export const nestedGroupSchema = z.object({ id: groupIdSchema, name: z.string(), kind: groupKindSchema }).meta({ id: 'NestedGroup' });
export const nestedGroupPage = pageOf(nestedGroupSchema).meta({ id: 'NestedGroupPage' });
export const nestGroupSchema = z.strictObject({ groupId: groupIdSchema.describe('The group whose members become members, in effect.') }).meta({ id: 'NestGroup' });

export const groupOfUserSchema = z.object({
  id: groupIdSchema,
  name: z.string(),
  through: groupIdSchema.nullable().describe('The nested group by which the user is a member; null for a direct one.'),
}).meta({ id: 'GroupOfUser' });
export const groupOfUserPage = pageOf(groupOfUserSchema).meta({ id: 'GroupOfUserPage' });

export const ruleRunSchema = z.object({
  state: z.enum(['waiting', 'running', 'completed', 'failed']),
  evaluated: z.int().describe('Users looked at so far.'),
  total: z.int().describe('Users there were when the run began.'),
  matched: z.int(),
  errors: z.int().describe('Users for whom the rule ended in an error; they are no members.'),
  error: z.string().nullable().describe('The first such error, or why the run failed.'),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
}).meta({ id: 'GroupRuleRun', description: 'How far the rule has been applied to all users. Changes of single users count at once, whatever the state.' });

export const previewRuleSchema = z.strictObject({
  rule,
  userId: userIdSchema.optional().describe('Tries it for this user only.'),
  limit: z.int().min(1).max(1_000).default(200).describe('How many users to look at, in the order of their ids.'),
  after: userIdSchema.optional().describe('Goes on behind this user: `next` of the answer before.'),
}).meta({ id: 'PreviewGroupRule', examples: [{ rule: 'user.email.endsWith("@example.com")' }] });
const evaluationSchema = z.object({ value: z.boolean().nullable(), error: z.string().nullable() });
export const rulePreviewSchema = z.object({
  evaluated: z.int(),
  matches: z.array(memberUserSchema),
  errors: z.int(),
  firstError: z.object({ userId: userIdSchema, error: z.string() }).nullable(),
  user: evaluationSchema.nullable().describe('For `userId`: what came out.'),
  next: userIdSchema.nullable(),
}).meta({ id: 'GroupRulePreview' });

export const groupParams = z.object({ groupId: groupIdSchema });
export const nestingParams = groupParams.extend({ childGroupId: groupIdSchema });
