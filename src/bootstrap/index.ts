/**
 * Starting: the first start makes everything that a person needs to sign in, once and in one transaction; the rest is
 * what a start says and refuses. It stands above all features. Called by src/main.ts and by operator commands.
 */
export { bootstrap, type BootstrapReport } from './bootstrap.ts';
export { checkPort } from './check-port.ts';
export { connectDatabase, DatabaseUnusable, type ConnectedDatabase } from './connect-database.ts';
export { explainFailure, OperatorError } from './explain-failure.ts';
export { createFirstAdministrator } from './first-administrator.ts';
export { createHeldLog, type HeldLog } from './held-log.ts';
export { sampleClientId } from './sample-application.ts';
export { credentials, welcome } from './welcome.ts';
