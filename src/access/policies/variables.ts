/** What a condition sees, and as what type: `user`, `application`, `request` and `session`. */
import type { Application } from '../../applications/index.ts';
import { compileExpression, type Expression, ExpressionError, type ExpressionType } from '../../core/expressions/index.ts';
import { policyRefused } from './errors.ts';

/** The application as policies see it. */
export type JudgedApplication = Pick<Application, 'id' | 'clientId' | 'name' | 'kind' | 'protocol' | 'firstParty'>;

/** Who asks for what, from where, with what proven. */
export interface AccessFacts {
  readonly userId: string;
  readonly application: JudgedApplication;
  /** Of the person; undefined: unknown. */
  readonly address: string | undefined;
  readonly userAgent: string | undefined;
  readonly now: Date;
  /** Undefined: nothing is known of it, and conditions about it fail. */
  readonly session: SessionFacts | undefined;
}

export interface SessionFacts {
  readonly acr: string | undefined;
  /** RFC 8176. */
  readonly amr: readonly string[] | undefined;
  /** The last active proof; undefined: nothing was proven yet. */
  readonly authTime: Date | undefined;
}

const strings: ExpressionType = { list: 'string' };

const variables: Readonly<Record<string, ExpressionType>> = {
  user: { object: {
    id: 'string', username: 'string', displayName: 'string', givenName: 'string', familyName: 'string', email: 'string', emailVerified: 'bool', phone: 'string',
    locale: 'string', timeZone: 'string', externalId: 'string', status: 'string', dict: { map: 'dyn' },
    groups: strings, groupIds: strings, organizationalUnits: strings, organizationalUnitIds: strings,
  } },
  application: { object: { id: 'string', clientId: 'string', name: 'string', kind: 'string', protocol: 'string', firstParty: 'bool' } },
  request: { object: { address: 'string', zones: strings, zoneIds: strings, userAgent: 'string', time: 'timestamp', hour: 'int', weekday: 'int' } },
  session: { object: { acr: 'string', amr: strings, authAge: 'int' } },
};

/** @throws Problem 400 that says where the condition is wrong */
export function compileCondition(source: string): Expression {
  try {
    return compileExpression(source, { variables, result: 'bool' });
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const { line, column } = error.position;
    throw policyRefused([{ field: 'condition', code: 'invalid', detail: `${error.message} (line ${line}, column ${column})${error.hint ? `; ${error.hint}` : ''}` }]);
  }
}

/** The values of one decision. `user` is what `expressionUser` made; the condition may do without. */
export function conditionValues(facts: AccessFacts, zones: { names: readonly string[]; ids: readonly string[] }, user: object | undefined): Record<string, unknown> {
  const { application, session, now } = facts;
  return {
    user,
    application: { id: application.id, clientId: application.clientId, name: application.name, kind: application.kind, protocol: application.protocol, firstParty: application.firstParty },
    request: {
      address: facts.address ?? '', zones: zones.names, zoneIds: zones.ids, userAgent: facts.userAgent ?? '',
      time: now, hour: now.getUTCHours(), weekday: now.getUTCDay() || 7,
    },
    session: { acr: session?.acr, amr: session?.amr, authAge: session?.authTime && Math.max(0, Math.floor((now.getTime() - session.authTime.getTime()) / 1_000)) },
  };
}
