import { suspendPolicies } from '../access/index.ts';
import { changeSettings } from '../tenancy/index.ts';
import type { Command } from './run-command.ts';
import { operatorContext, withCore, withDatabase } from './with-core.ts';

/** The way back in where rules shut out those who could change them. What it does is in the event log. */
export const openAccess: Command = {
  usage: 'open-access [--instance default]',
  summary: 'Lets access policies only report, allows where none matches, and opens sign-in, the console and the APIs to every network.',
  options: ['instance'],
  run: (surroundings, { options }) => withDatabase(surroundings, (database) => withCore(surroundings, database, async (core) => {
    const before = await operatorContext(core, options['instance']);
    await changeSettings(before, 'settings', { networkAccess: { managementZoneIds: [], managementDeniedZoneIds: [], signInZoneIds: [], signInDeniedZoneIds: [] }, accessPolicy: { defaultEffect: 'allow' } });
    const suspended = await suspendPolicies(await operatorContext(core, options['instance']));
    surroundings.print(`${before.instance.id}: ${suspended.length === 0 ? 'no policy was enabled' : `only reporting now: ${suspended.map(({ name }) => `"${name}"`).join(', ')}`}. The default is to allow; every network may sign in and use the console and the APIs.`);
    return 0;
  })),
};
