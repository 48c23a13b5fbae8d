/**
 * The server's settings, given on its command line so that a cluster of an older version gets the present ones.
 * They suit a small machine; who needs others wants DATABASE_URL.
 */
const settings: Record<string, string> = {
  cluster_name: 'postern',
  // Reachable only through a socket inside the cluster's own folder (mode 700): who can connect can read the files
  // anyway. A relative path, because the path of a socket may not have more than about 104 bytes.
  listen_addresses: '',
  unix_socket_directories: '.',
  unix_socket_permissions: '0700',
  port: '5432',
  max_connections: '60',

  fsync: 'on',
  synchronous_commit: 'on',
  // Bounds recovery after a crash to a few seconds (replaying 235 MB takes 0.8 s on two busy cores).
  max_wal_size: '512MB',
  min_wal_size: '80MB',

  shared_buffers: '128MB',
  work_mem: '8MB',
  maintenance_work_mem: '64MB',
  random_page_cost: '1.1',
  jit: 'off',
  // Small machines and containers: no parallel workers (Docker gives 64 MB of /dev/shm), no I/O workers, no replication.
  max_parallel_workers_per_gather: '0',
  io_method: 'sync',
  max_wal_senders: '0',
  max_logical_replication_workers: '0',

  timezone: 'UTC',
  log_timezone: 'UTC',
  // Starts, stops, recovery and crashes. Not the errors of statements: the server logs those itself, redacted, while
  // here a "duplicate key" line would keep people's names and addresses.
  log_min_messages: 'log',
  log_error_verbosity: 'terse',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] ',
};

export const serverArguments = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
