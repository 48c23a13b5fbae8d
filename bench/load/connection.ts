/**
 * One keep-alive HTTP/1.1 connection over a plain socket: 10 µs of CPU a request, so that the generator does not eat
 * what it measures. It understands what both servers send: answers with a Content-Length.
 */
import { connect, type Socket } from 'node:net';

export interface Answer { readonly status: number; readonly text: string }

export interface Connection {
  /** Sends a whole request and resolves `onAnswer` with the whole answer. One at a time. */
  send(request: string, onAnswer: (answer: Answer) => void): void;
  close(): void;
}

export function openConnection(port: number, onFailure: (error: Error) => void): Promise<Connection> {
  return new Promise((resolve) => {
    let received = '';
    let waiting: ((answer: Answer) => void) | undefined;
    let closed = false;
    const socket: Socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve({
      send(request, onAnswer) {
        waiting = onAnswer;
        socket.write(request, 'latin1');
      },
      close() {
        closed = true;
        socket.destroy();
      },
    }));
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      received = received === '' ? chunk : received + chunk;
      const headEnd = received.indexOf('\r\n\r\n');
      if (headEnd < 0) return;
      const length = contentLength(received, headEnd);
      if (length === undefined) return onFailure(new Error(`an answer without Content-Length: ${received.slice(0, 300)}`));
      if (received.length < headEnd + 4 + length) return;
      const text = received;
      received = '';
      const answered = waiting;
      waiting = undefined;
      if (!answered) return onFailure(new Error(`an answer to no request: ${text.slice(0, 300)}`));
      answered({ status: Number(text.slice(9, 12)), text });
    });
    socket.on('error', onFailure);
    socket.on('close', () => { if (!closed) onFailure(new Error('the server closed a connection')); });
  });
}

function contentLength(text: string, headEnd: number): number | undefined {
  const match = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, headEnd));
  return match ? Number(match[1]) : undefined;
}
