import { createFirstAdministrator, OperatorError } from '../bootstrap/index.ts';
import { listAdministrators } from '../access/index.ts';
import { createSetupLink } from '../authentication/index.ts';
import { findUserById, findUserByIdentifier, isUsable, type User } from '../directory/index.ts';
import type { InstanceContext } from '../tenancy/index.ts';
import type { Command } from './run-command.ts';
import { operatorContext, withCore, withDatabase } from './with-core.ts';

/** The way back in: a new link for an administrator, or a new administrator where all are gone. */
export const setupLink: Command = {
  usage: 'setup-link [--instance default] [--user name | --create name]',
  summary: 'Prints a new one-time set-up link for an administrator (the first one unless named; --create makes a new one). Earlier links of the same person stop working.',
  options: ['instance', 'user', 'create'],
  run: (surroundings, { options }) => withDatabase(surroundings, (database) => withCore(surroundings, database, async (core) => {
    const context = await operatorContext(core, options['instance']);
    const { user, url, expiresAt } = options['create'] === undefined
      ? await forAdministrator(context, options['user'])
      : await createFirstAdministrator(context, { username: options['create'] });
    surroundings.print(`Set-up link of ${user.username} in ${context.instance.id}; works once, until ${expiresAt.toISOString()}:\n\n    ${url}\n`);
    return 0;
  })),
};

async function forAdministrator(context: InstanceContext, name: string | undefined): Promise<{ user: User; url: string; expiresAt: Date }> {
  const [owner] = name === undefined ? (await listAdministrators(context, { role: 'owner', limit: 1 })).items : [];
  const user = name === undefined ? owner && await findUserById(context, owner.userId) : await findUserByIdentifier(context, name);
  if (!user) throw new OperatorError(name === undefined ? `${context.instance.id} has no owner. Make one: --create name` : `There is no user "${name}" in ${context.instance.id}.`);
  if ((await listAdministrators(context, { userId: user.id, limit: 1 })).items.length === 0) throw new OperatorError(`${user.username} is no administrator of ${context.instance.id}. Make a new one: --create name`);
  if (!isUsable(user, context.now())) throw new OperatorError(`${user.username} is ${user.status} and could not sign in. Name another administrator (--user name), or make one: --create name`);
  return { user, ...await createSetupLink(context, user.id) };
}
