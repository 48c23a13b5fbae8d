/** Form tokens: HMAC of instance, browser, flow and version. A version is used up by its first accepted input, and the token with it. */
import type { InstanceContext } from '../../tenancy/index.ts';

const purpose = 'form-token';
const value = (context: InstanceContext, flowId: string, browserId: string, version: number) => [context.instance.id, flowId, browserId, version].join('\n');

export const formToken = (context: InstanceContext, flowId: string, browserId: string, version: number): string =>
  context.core.keyring.hmac(purpose, value(context, flowId, browserId, version));

export const isFormToken = (context: InstanceContext, flowId: string, browserId: string, version: number, token: string): boolean =>
  context.core.keyring.verifyHmac(purpose, value(context, flowId, browserId, version), token);
