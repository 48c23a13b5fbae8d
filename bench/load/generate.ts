/** The load generator: a process of its own that carries out one plan at a time. */
import { quantile } from '../statistics.ts';
import { answerParent } from '../servers/parent.ts';
import { type Answer, openConnection } from './connection.ts';
import { type Capture, cut, type Measured, type Plan } from './plan.ts';

answerParent({ measure: (plan) => measure(plan as Plan) });

/** @throws Error at the first answer that is not right: a rate of refusals would mean nothing */
async function measure(plan: Plan): Promise<Measured> {
  const failure = Promise.withResolvers<never>();
  const open = await Promise.all(Array.from({ length: plan.connections }, () => openConnection(plan.port, failure.reject)));
  const source = createSource(plan);
  const latencies: number[] = [];
  const captured: string[] = [];
  const startedAt = performance.now();
  const deadline = startedAt + plan.seconds * 1000;
  let endedAt = startedAt;
  let toSend = plan.limit ?? Infinity;

  const runs = open.map((connection, index) => new Promise<void>((resolve) => {
    let sentAt = 0;
    const next = () => {
      const now = performance.now();
      const request = now < deadline && toSend > 0 ? source.next(index) : undefined;
      if (request === undefined) return resolve();
      toSend -= 1;
      sentAt = now;
      connection.send(request, onAnswer);
    };
    const onAnswer = (answer: Answer) => {
      const now = performance.now();
      if (answer.status !== plan.status) return failure.reject(new Error(`status ${answer.status} instead of ${plan.status}:\n${answer.text.slice(0, 1_000)}`));
      source.take?.(index, answer.text);
      if (plan.capture) captured.push(expect(answer.text, plan.capture));
      // An answer after the end belongs to no second that is counted.
      if (now <= deadline) {
        latencies.push(now - sentAt);
        endedAt = now;
      }
      next();
    };
    next();
  }));
  try {
    await Promise.race([Promise.all(runs), failure.promise]);
  } finally {
    failure.promise.catch(() => undefined);
    for (const connection of open) connection.close();
  }
  // A list that ended early counts up to its last answer.
  const seconds = source.exhausted() ? (endedAt - startedAt) / 1000 : plan.seconds;
  latencies.sort((left, right) => left - right);
  return {
    requests: latencies.length, seconds, perSecond: latencies.length / seconds,
    p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99), captured: [...captured, ...source.left()],
  };
}

interface Source {
  next(connection: number): string | undefined;
  take?(connection: number, text: string): void;
  /** Whether somebody asked for more than there was. */
  exhausted(): boolean;
  left(): string[];
}

function expect(text: string, capture: Capture): string {
  const found = cut(text, capture);
  if (found === undefined) throw new Error(`no ${capture.after} in ${text.slice(0, 500)}`);
  return found;
}

function createSource(plan: Plan): Source {
  switch (plan.kind) {
    case 'repeat': {
      const { requests, connections } = plan;
      const places = Array.from({ length: connections }, (_, index) => Math.floor((index * requests.length) / connections));
      return {
        next(connection) {
          const place = places[connection] ?? 0;
          places[connection] = (place + 1) % requests.length;
          return requests[place];
        },
        exhausted: () => false,
        left: () => [],
      };
    }
    case 'once': {
      let place = 0;
      return { next: () => plan.requests[place++], exhausted: () => place > plan.requests.length, left: () => [] };
    }
    case 'refresh': {
      const tokens = [...plan.tokens];
      return {
        next(connection) {
          const body = `grant_type=refresh_token&refresh_token=${tokens[connection] ?? ''}`;
          return `POST ${plan.path} HTTP/1.1\r\n${plan.headers}Content-Length: ${body.length}\r\n\r\n${body}`;
        },
        take(connection, text) {
          const token = expect(text, { after: '"refresh_token":"', before: '"' });
          if (token === tokens[connection]) throw new Error(`the refresh token was not rotated: ${text.slice(0, 500)}`);
          tokens[connection] = token;
        },
        exhausted: () => false,
        left: () => tokens,
      };
    }
  }
}
