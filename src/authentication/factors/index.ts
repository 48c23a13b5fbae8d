/** The one list of factors. A new one is a file and a line here. */
import type { Method } from '../types.ts';
import type { Factor } from './factor.ts';
import { password } from './password.ts';

export const factors = { password } satisfies Partial<Record<Method, Factor<unknown>>>;

export type FactorMethod = keyof typeof factors;

export const isFactorMethod = (method: string): method is FactorMethod => Object.hasOwn(factors, method);
