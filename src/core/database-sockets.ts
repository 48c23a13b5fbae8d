import { Socket } from 'node:net';

/**
 * The sockets of this server's connections to its database, which has no other means to end those that a dead network
 * left open: a query in flight there waits for ever (PostgreSQL's own time limits need PostgreSQL), and so do the
 * pool's next callers.
 */
export interface DatabaseSockets {
  /** The `stream` of a pg client or pool. */
  open(): Socket;
  /** The database does not answer: ends all connections, and lets new ones fail at once until `resume`. */
  giveUp(): void;
  /** The database answers again. */
  resume(): void;
}

export function createDatabaseSockets(): DatabaseSockets {
  const sockets = new Set<Socket>();
  let givenUp = false;

  function end(socket: Socket): void {
    // As the kernel would word it: whoever sorts errors knows this one (database-failure.ts).
    socket.destroy(Object.assign(new Error('The database does not answer'), { code: 'ECONNRESET' }));
  }

  return {
    open() {
      const socket = new Socket();
      sockets.add(socket);
      socket.once('close', () => { sockets.delete(socket); });
      if (givenUp) process.nextTick(end, socket);             // pg listens for errors once it has the socket
      return socket;
    },
    giveUp() {
      if (givenUp) return;
      givenUp = true;
      for (const socket of sockets) end(socket);
    },
    resume() { givenUp = false; },
  };
}
