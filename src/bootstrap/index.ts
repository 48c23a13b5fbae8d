/**
 * The first start: everything that a person needs to sign in, made once and in one transaction. It stands above all
 * features. Called by src/main.ts before the server listens.
 */
export { bootstrap, type BootstrapReport } from './bootstrap.ts';
export { createFirstAdministrator } from './first-administrator.ts';
export { sampleClientId } from './sample-application.ts';
