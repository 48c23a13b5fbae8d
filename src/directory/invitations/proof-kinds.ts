import type { ProofKind } from '../../core/proof-registry.ts';
import { mostHours } from './schemas.ts';

export const invitationProofKinds: readonly ProofKind[] = [
  { name: 'directory.invitation-link', purpose: 'Lets an invited person set the pending account up.', subject: 'user', target: 'invitation page', lifetimeSeconds: mostHours * 3_600, oneTime: true, stored: 'hash' },
];
