/** A real SMTP server that keeps what it was sent: envelopes, the raw commands, and whether a password came. */
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface ReceivedMail { readonly from: string; readonly to: readonly string[]; readonly source: string }
export interface MailServer {
  readonly port: number;
  readonly mails: ReceivedMail[];
  /** Passwords that were shown to it. */
  readonly passwords: string[];
  connections(): number;
  close(): Promise<void>;
}

export async function startMailServer(options: SMTPServerOptions & { refuse?: (to: string) => { code: number; text: string } | undefined } = {}): Promise<MailServer> {
  const mails: ReceivedMail[] = [];
  const passwords: string[] = [];
  let connections = 0;
  const server = new SMTPServer({
    authOptional: true, disableReverseLookup: true, logger: false, ...options,
    onConnect(_session, done) { connections += 1; done(); },
    onAuth(auth, _session, done) { passwords.push(auth.password ?? ''); done(null, { user: auth.username }); },
    onRcptTo(address, _session, done) {
      const refusal = options.refuse?.(address.address);
      done(refusal ? Object.assign(new Error(refusal.text), { responseCode: refusal.code }) : null);
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        mails.push({ from: mailFrom ? mailFrom.address : '', to: rcptTo.map(({ address }) => address), source: Buffer.concat(chunks).toString('utf8') });
        done();
      });
    },
  });
  server.on('error', () => undefined);                // who hangs up in the handshake is no fault of the server
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const address = server.server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0, mails, passwords, connections: () => connections,
    close: () => new Promise((resolve) => { server.close(() => { resolve(); }); }),
  };
}
