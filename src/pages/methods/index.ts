/** One file for each method that is more than a form, and the one list of them. */
import type { MethodView } from '../../authentication/index.ts';
import type { Drawing, DrawMethod } from '../drawing.ts';
import { html, type Markup } from '../html.ts';
import { identitySource } from './identity-source.ts';
import { passkey } from './passkey.ts';
import { password } from './password.ts';
import { plainForm } from './plain-form.ts';
import { recoveryCode } from './recovery-code.ts';
import { sentCode } from './sent-code.ts';
import { totp } from './totp.ts';

const methods: Partial<Record<MethodView['method'], DrawMethod>> = { identity_source: identitySource, password, webauthn: passkey, otp_email: sentCode, otp_sms: sentCode, magic_link: sentCode, totp, recovery_code: recoveryCode };

/** All methods of a step, the first one first in reach. */
export const drawMethods = (drawing: Drawing, views: readonly MethodView[], remember: { readonly days: number } | undefined): Markup =>
  html`${inOrder(views).map((view, index) => (methods[view.method] ?? plainForm)(drawing, view, { isFirst: index === 0 && drawing.view.notices.length === 0, remember }))}`;

/** What was just sent is what people came back for; what must be sent first comes after what needs nothing. */
const inOrder = (views: readonly MethodView[]): MethodView[] => [...views].sort((one, other) => rank(one) - rank(other));
const rank = ({ sent, prepare, method }: MethodView): number => (sent ? 0 : method === 'recovery_code' ? 3 : prepare === undefined ? 1 : 2);
