/** `npm run postern -- <command>`: what the person who runs the server can do from its machine. */
import { existsSync } from 'node:fs';
import { explainFailure } from './bootstrap/index.ts';
import { loadConfig } from './config.ts';
import { runCommand } from './operator/run-command.ts';

try {
  if (existsSync('.env')) process.loadEnvFile('.env');
  process.exitCode = await runCommand(process.argv.slice(2), {
    config: loadConfig(process.env),
    print: (line) => { console.log(line); },
    printError: (line) => { console.error(line); },
  });
} catch (error) {
  console.error(explainFailure(error));
  if (/debug|trace/.test(process.env['LOG_LEVEL'] ?? '')) console.error(error);
  process.exitCode = 1;
}
