/**
 * The event log: append-only, written in the transaction of each change (`append`), chained by hash behind the writers
 * (`startSealer`), read in commit order without gaps (`readEvents`), and verified on demand (`verifyEventChains`).
 */
export { append, type NewEvent } from './append.ts';
export { createPartitionSql, prepareEventLog, registerEventWorkers, selectPartitionMonths } from './partitions.ts';
export { readEvents, type EventHandler } from './readers.ts';
export { startSealer, type Sealer } from './seal.ts';
export { resignChainHeads } from './resign.ts';
export { verifyEventChain, verifyEventChains, type ChainFault, type ChainVerdict } from './verify.ts';
export { anchorFile } from './anchors.ts';
export { eventColumns, type StoredEvent } from './stored-event.ts';
export { events } from './routes.ts';
