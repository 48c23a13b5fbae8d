import { Problem } from '../core/errors.ts';
import { ConfigurationError } from '../config.ts';
import type { Core } from '../core/core.ts';
import { prepareEventLog } from '../events/index.ts';
import { createInstance, firstInstanceId, loadInstance, type InstanceContext } from '../tenancy/index.ts';
import { createFirstAdministrator } from './first-administrator.ts';
import { createMachineApplication } from './machine-application.ts';
import { createSampleApplication } from './sample-application.ts';
import { settingsThatDoNothing } from './later-start.ts';

export interface BootstrapReport {
  /** What the first start made; undefined at every later one. */
  readonly created: {
    readonly username: string;
    /** Known only now; undefined when the configuration gave the password. */
    readonly generatedPassword: string | undefined;
    readonly setupLink: string;
    readonly machineClientId: string | undefined;
  } | undefined;
  /** Lines for the operator: settings that had no effect. */
  readonly notes: readonly string[];
}

const advisoryLock = 7_262_018_314;

/**
 * Creates the first instance with its administrator and applications, unless it exists already: then nothing is
 * created or changed, whatever the settings say, and an administrator who was deleted stays so. Of several servers
 * that start at once one does it. Call it at every start, when the server is built and before it listens.
 * @throws ConfigurationError when a BOOTSTRAP_ setting cannot be used
 */
export async function bootstrap(core: Core): Promise<BootstrapReport> {
  await prepareEventLog(core);
  return core.database.$transaction(async (lock) => {
    await lock.$executeRawUnsafe(`SELECT pg_advisory_xact_lock(${advisoryLock})`);
    if (await loadInstance(core, firstInstanceId)) return { created: undefined, notes: await settingsThatDoNothing(core) };
    return { created: await createFirstInstance(core), notes: [] };
  }, { timeout: 120_000, maxWait: 30_000 });
}

async function createFirstInstance(core: Core): Promise<NonNullable<BootstrapReport['created']>> {
  const { administratorUsername: username, administratorPassword } = core.config.bootstrap;
  const made: { administrator?: Awaited<ReturnType<typeof createFirstAdministrator>>; machineClientId?: string | undefined } = {};
  // All in the transaction that makes the instance: a start that is killed leaves nothing half done.
  const prepare = async (tx: InstanceContext) => {
    made.administrator = await namingTheSetting('BOOTSTRAP_ADMIN_PASSWORD', () => createFirstAdministrator(tx, { username, password: administratorPassword }));
    made.machineClientId = await namingTheSetting('BOOTSTRAP_CLIENT_ID', () => createMachineApplication(tx));
    await createSampleApplication(tx);
  };
  await createInstance(core, { id: firstInstanceId, name: 'Default' }, { principal: { kind: 'system' }, prepare });
  if (!made.administrator) throw new Error('the first instance was made without its administrator');
  return { username, generatedPassword: made.administrator.generatedPassword, setupLink: made.administrator.url, machineClientId: made.machineClientId };
}

/** What a feature refuses here came from the settings. */
async function namingTheSetting<Result>(setting: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof Problem && error.status < 500 ? new ConfigurationError([`${setting} cannot be used: ${error.detail}`]) : error;
  }
}
