import { defineOwnApis } from '../access/index.ts';
import { builtInResourceServers, createApplication, putResourceGrant } from '../applications/index.ts';
import type { Command } from './run-command.ts';
import { operatorContext, withCore, withDatabase } from './with-core.ts';

/** The first key to the API: whoever runs the server needs no other one to get it. */
export const apiClient: Command = {
  usage: 'api-client [--instance default] [--name "Automation"]',
  summary: 'Makes a machine application with every scope of the management API (of the first instance: of the platform API too) and prints its secret, once.',
  options: ['instance', 'name'],
  run: (surroundings, { options }) => withDatabase(surroundings, (database) => withCore(surroundings, database, async (core) => {
    defineOwnApis(core);
    const context = await operatorContext(core, options['instance']);
    const { application, secret } = await context.transaction(async (tx) => {
      const made = await createApplication(tx, { name: options['name'] ?? 'Automation', description: 'Made by the operator for the management API.', kind: 'machine' });
      for (const { id, scopes } of builtInResourceServers(tx)) await putResourceGrant(tx, made.application.id, id, scopes.map(({ name }) => name));
      return { application: made.application, secret: made.clientSecret?.secret };
    });
    const { issuer } = context.instance;
    surroundings.print([
      `client_id      ${application.clientId}`,
      `client_secret  ${secret ?? ''}`,
      '',
      'A token (it lasts 20 minutes unless the settings say otherwise):',
      '',
      `    curl -s -u '${application.clientId}:${secret ?? ''}' -d grant_type=client_credentials ${issuer}/oauth2/token`,
      '',
      `Then call ${issuer}/api/v1 with it: the reference is at ${core.config.consoleUrl}/docs`,
    ].join('\n'));
    return 0;
  })),
};
