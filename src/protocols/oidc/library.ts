/**
 * The parts of oidc-provider that we run. Not its entry file: that warns on the console about every Node release that
 * it does not know as a long-term one yet.
 */
import type { errors as Errors, interactionPolicy as InteractionPolicy } from 'oidc-provider';
import * as libraryErrors from 'oidc-provider/lib/helpers/errors.js';
import * as libraryPolicy from 'oidc-provider/lib/helpers/interaction_policy/index.js';

export { Provider } from 'oidc-provider/lib/provider.js';
export const errors: typeof Errors = libraryErrors;
export const interactionPolicy: typeof InteractionPolicy = libraryPolicy;
