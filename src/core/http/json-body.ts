/** How bodies are read: JSON in UTF-8 and nothing else, unless a plugin asks for more in its own context. */
import type { FastifyInstance } from 'fastify';
import { Problem } from '../errors.ts';
import { parseStrictJson } from './strict-json.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Replaces Fastify's parsers of JSON and of plain text; call it on the root before other parsers are added. */
export function readJsonStrictly(app: FastifyInstance): void {
  app.removeContentTypeParser(['application/json', 'text/plain']);
  app.addContentTypeParser(['application/json', 'application/merge-patch+json'], { parseAs: 'buffer' }, (_request, body, done) => {
    try {
      done(null, parseStrictJson(decode(body as Buffer)));
    } catch (error) {
      done(error as Error);
    }
  });
}

function decode(body: Buffer): string {
  if (body.length === 0) throw new Problem({ status: 400, code: 'Params.Blank', detail: 'The body is empty; this route takes a JSON object.' });
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    throw new Problem({ status: 400, code: 'Params.Illegal', detail: 'The body is not UTF-8 (RFC 8259 §8.1).' });
  }
  // RFC 8259 §8.1: a byte order mark must not be added; parsers that skip it read another text than those that do not.
  if (text.startsWith('\uFEFF')) throw new Problem({ status: 400, code: 'Params.Illegal', detail: 'The body starts with a byte order mark; leave it out.' });
  return text;
}
