import { PosternError } from './errors.ts';

export interface Answer { readonly status: number; readonly body: Readonly<Record<string, unknown>>; readonly retryAfter: number | undefined }

/** One call, without cookies. @throws PosternError with status 0 when the server was not reached */
export async function call(url: string, init: RequestInit): Promise<Answer> {
  let answer: Response;
  try {
    answer = await fetch(url, { ...init, credentials: 'omit', cache: 'no-store', referrerPolicy: 'no-referrer' });
  } catch {
    throw new PosternError(0, {});
  }
  const text = await answer.text();
  let body: Record<string, unknown> = {};
  try {
    if (text !== '') body = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // A proxy's page: the status says enough.
  }
  const wait = Number(answer.headers.get('retry-after'));
  return { status: answer.status, body, retryAfter: wait > 0 ? wait : undefined };
}
