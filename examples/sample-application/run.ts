/** Starts the sample application on its own. */
import { parseArgs } from 'node:util';
import { startSampleApplication } from './application.ts';

const { values } = parseArgs({ options: {
  issuer: { type: 'string', default: 'http://localhost:3000/t/default' },
  'client-id': { type: 'string', default: 'sample-application' },
  port: { type: 'string', default: '3001' },
} });

try {
  const { url } = await startSampleApplication({ port: Number(values.port), issuer: values.issuer, clientId: values['client-id'] });
  console.log(`The sample application is at ${url} and signs in at ${values.issuer}.`);
} catch (error) {
  console.error(`The sample application cannot start: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
