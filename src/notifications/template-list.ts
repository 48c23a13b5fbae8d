/** Every message that the product sends: in which channels, and which variables its words may use. */

export const channels = ['email', 'sms'] as const;
export type Channel = (typeof channels)[number];
export const locales = ['en', 'zh-CN'] as const;
export type Locale = (typeof locales)[number];

/**
 * - code, link: secrets; sealed at rest, in no log. - text: what people or applications wrote; shown as plain text,
 * never as a link. - plain: made by us (a number of minutes, a time).
 */
export type VariableKind = 'code' | 'link' | 'text' | 'plain';

export interface TemplateDefinition {
  readonly description: string;
  readonly channels: readonly Channel[];
  /** `instance` is there in all of them. */
  readonly variables: Readonly<Record<string, VariableKind>>;
  /** Of no use any more after this; it is not sent then. */
  readonly lifetimeSeconds: number;
}

const both = ['email', 'sms'] as const;
const mail = ['email'] as const;
const code = { variables: { code: 'code', minutes: 'plain' }, lifetimeSeconds: 600 } as const;
const notice = { channels: mail, variables: { displayName: 'text', time: 'plain', address: 'plain', device: 'text' }, lifetimeSeconds: 86_400 } as const;
const factorNotice = { ...notice, variables: { ...notice.variables, method: 'plain' } } as const;

export const templates = {
  sign_in_code: { ...code, channels: both, description: 'The code of a sign-in.' },
  magic_link: { channels: mail, variables: { link: 'link', minutes: 'plain' }, lifetimeSeconds: 900, description: 'The link of a sign-in.' },
  verify_address: { ...code, channels: both, description: 'The code that shows that an address or number is somebody\'s own.' },
  registration_code: { ...code, channels: both, description: 'The code of a registration.' },
  registration_account_exists: { channels: both, variables: { link: 'link' }, lifetimeSeconds: 3_600, description: 'Instead of the code, to who has an account already.' },
  registration_received: { channels: mail, variables: { displayName: 'text' }, lifetimeSeconds: 86_400, description: 'A registration waits for approval.' },
  registration_waiting: { channels: mail, variables: { displayName: 'text' }, lifetimeSeconds: 86_400, description: 'To administrators: somebody registered and waits.' },
  registration_approved: { channels: mail, variables: { displayName: 'text', link: 'link' }, lifetimeSeconds: 86_400, description: 'A registration was approved.' },
  registration_rejected: { channels: mail, variables: { displayName: 'text', reason: 'text' }, lifetimeSeconds: 86_400, description: 'A registration was turned down.' },
  recovery_code: { channels: both, variables: { code: 'code', link: 'link', username: 'text', minutes: 'plain' }, lifetimeSeconds: 600, description: 'The code with which a password is set anew.' },
  recovery_link: { channels: mail, variables: { link: 'link', minutes: 'plain' }, lifetimeSeconds: 3_600, description: 'The link with which a password is set anew.' },
  recovery_not_possible: { channels: both, variables: {}, lifetimeSeconds: 3_600, description: 'Instead of the code, where an account cannot be recovered by this address.' },
  invitation: { channels: both, variables: { displayName: 'text', link: 'link', days: 'plain' }, lifetimeSeconds: 86_400, description: 'The link with which somebody sets up an account that was made for them.' },
  password_reset: { channels: mail, variables: { displayName: 'text', link: 'link', hours: 'plain' }, lifetimeSeconds: 86_400, description: 'The link that the help desk sends for a new password.' },
  password_changed: { ...notice, description: 'The password was changed.' },
  factor_added: { ...factorNotice, description: 'A way to sign in was added.' },
  factor_removed: { ...factorNotice, description: 'A way to sign in was removed.' },
  new_device: { ...notice, description: 'A sign-in from a browser that was not used before.' },
  email_changed: { ...notice, variables: { ...notice.variables, newAddress: 'text' }, description: 'To the old address, when it was replaced.' },
  phone_changed: { ...notice, description: 'The telephone number was changed.' },
  recovery_waits: { channels: mail, variables: { displayName: 'text', time: 'plain' }, lifetimeSeconds: 86_400, description: 'Somebody wants a new passkey for an account that has nothing else; it is possible from then on.' },
  account_recovered: { ...notice, description: 'The account was recovered.' },
  recovery_codes_changed: { ...notice, description: 'Recovery codes were made anew.' },
  recovery_codes_low: { ...notice, variables: { ...notice.variables, left: 'plain' }, description: 'Few recovery codes are left.' },
  risk_notice: { ...notice, variables: { ...notice.variables, reason: 'text' }, description: 'A sign-in was unusual.' },
  test: { channels: both, variables: {}, lifetimeSeconds: 600, description: 'Sent by "test" of a gateway.' },
} as const satisfies Record<string, TemplateDefinition>;

export type TemplateName = keyof typeof templates;

/** The built-in words of a template in one language; `sms` only where it can be sent so. */
export interface Words {
  readonly subject: string;
  readonly text: string;
  readonly sms?: string;
}
export type WordList = Readonly<Record<TemplateName, Words>>;

export const templateNames = Object.keys(templates) as [TemplateName, ...TemplateName[]];
export const definitionOf = (name: TemplateName): TemplateDefinition => templates[name];
export const isTemplateName = (name: string): name is TemplateName => Object.hasOwn(templates, name);

/** The variables that words of a template may use, `instance` with them. */
export const variablesOf = (name: TemplateName): Readonly<Record<string, VariableKind>> => ({ instance: 'text', ...definitionOf(name).variables });

/** The language for whoever asked for `wanted` (BCP 47), else `fallback`. */
export function localeFor(wanted: string | undefined | null, fallback: Locale): Locale {
  const language = wanted?.toLowerCase().split(/[-_]/)[0];
  return language === 'zh' ? 'zh-CN' : language === 'en' ? 'en' : fallback;
}
