/** What the load generator is asked to do, and what it answers. Both travel between processes as JSON. */

interface PlanBase {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** Most requests of all connections together. */
  readonly limit?: number;
  /** The one status that counts as right; any other ends the measurement. */
  readonly status: number;
  /** What to keep of each answer. */
  readonly capture?: Capture;
}

export type Plan = PlanBase & (
  /** Every connection goes through the list from a place of its own, again and again. */
  | { readonly kind: 'repeat'; readonly requests: readonly string[] }
  /** Each request is sent once. The measurement ends early when there are no more. */
  | { readonly kind: 'once'; readonly requests: readonly string[] }
  /** Each connection sends the refresh token that it got with the answer before. */
  | { readonly kind: 'refresh'; readonly path: string; readonly headers: string; readonly tokens: readonly string[] }
);

/** What stands between two texts. */
export interface Capture { readonly after: string; readonly before: string }

export interface Measured {
  readonly requests: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  /** Captured texts; after refreshing each connection's last token. */
  readonly captured: readonly string[];
}

/** The text between the first `after` and the next `before`; undefined when it is not there. */
export function cut(text: string, { after, before }: Capture): string | undefined {
  const start = text.indexOf(after);
  if (start < 0) return undefined;
  const end = text.indexOf(before, start + after.length);
  return end < 0 ? undefined : text.slice(start + after.length, end);
}
