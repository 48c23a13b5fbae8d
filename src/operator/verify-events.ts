import { verifyEventChain, verifyEventChains, type ChainVerdict } from '../events/index.ts';
import type { Command } from './run-command.ts';
import { operatorContext, withCore, withDatabase } from './with-core.ts';

/** Names the first bad place of each event log; the exit code tells scripts. */
export const verifyEvents: Command = {
  usage: 'verify-events [--instance default]',
  summary: 'Verifies the hash chain of the event log (of all instances unless one is named). Exit code 1 when something was changed, removed, inserted, reordered or cut.',
  options: ['instance'],
  run: (surroundings, { options: { instance } }) => withDatabase(surroundings, (database) => withCore(surroundings, database, async (core) => {
    let sound = true;
    const verdicts = instance === undefined ? verifyEventChains(core) : [await verifyEventChain(core, (await operatorContext(core, instance)).instance.id)];
    for await (const verdict of verdicts) {
      sound &&= verdict.sound;
      surroundings.print(describe(verdict));
    }
    return sound ? 0 : 1;
  })),
};

function describe(verdict: ChainVerdict): string {
  if (!verdict.sound) return `${verdict.instanceId}: BROKEN at position ${verdict.position} (${verdict.fault}). ${verdict.detail}`;
  const waiting = verdict.waiting === 0 ? '' : `; ${verdict.waiting} more not sealed yet, which a running server does within a second`;
  return `${verdict.instanceId}: sound, ${verdict.events} events${waiting}.`;
}
