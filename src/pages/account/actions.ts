/** What can be posted to each part of the account page. */
import { type Account, type AccountSection, type BrowserTokens, type Changed, type Notice, selfService } from '../../authentication/index.ts';

export type Answer =
  | { readonly kind: 'done'; readonly code: string }
  | { readonly kind: 'notice'; readonly notice: Notice }
  | { readonly kind: 'go'; readonly url: string; readonly setCookies: readonly string[] }
  /** The existing factor first; the person then does it again. */
  | { readonly kind: 'step up' }
  | { readonly kind: 'file'; readonly name: string; readonly content: string };

interface Posted { readonly fields: Readonly<Record<string, string>>; readonly tokens: BrowserTokens }
type Action = (account: Account, posted: Posted) => Promise<Answer>;

const notice = (code: string): Answer => ({ kind: 'notice', notice: { code } });
const go = (started: { url: string; setCookies: readonly string[] } | undefined): Answer => (started ? { kind: 'go', url: started.url, setCookies: started.setCookies } : notice('Account.Gone'));

function said(changed: Changed, code: string): Answer {
  switch (changed) {
    case 'done': return { kind: 'done', code };
    case 'gone': return notice('Account.Gone');
    case 'last_factor': return notice('Account.Last.Factor');
    case 'invalid': return notice('Account.Name.Invalid');
    case 'step_up_required': return { kind: 'step up' };
  }
}

export const actions: Readonly<Record<AccountSection, Readonly<Record<string, Action>>>> = {
  profile: {
    async save(account, { fields }) {
      const fault = await selfService.saveProfile(account, fields);
      return fault ? { kind: 'notice', notice: fault } : { kind: 'done', code: 'saved' };
    },
    async change_address(account, { fields }) {
      const channel = fields['channel'] === 'sms' ? 'sms' : 'email';
      const fault = await selfService.changeAddress(account, channel, fields[channel === 'email' ? 'email' : 'phone'] ?? '');
      if (fault === 'step_up_required') return { kind: 'step up' };
      return fault ? { kind: 'notice', notice: fault } : { kind: 'done', code: 'code_sent' };
    },
    async confirm_address(account, { fields }) {
      const channel = fields['channel'] === 'sms' ? 'sms' : 'email';
      const fault = await selfService.confirmAddress(account, channel, fields[`code-${channel}`] ?? '');
      return fault ? { kind: 'notice', notice: fault } : { kind: 'done', code: 'address_changed' };
    },
  },
  security: {
    change_password: async ({ context }, { tokens }) => go(await selfService.changeOwnPassword(context, tokens)),
    enrol: async ({ context }, { fields, tokens }) => go(await selfService.enrolCredential(context, tokens, fields['method'] ?? '')),
    remove: async (account, { fields }) => said(await selfService.removeCredential(account, fields['method'] ?? '', fields['credentialId'] ?? ''), 'removed'),
    rename: async (account, { fields }) => said(await selfService.renameCredential(account, fields['method'] ?? '', fields['credentialId'] ?? '', fields['name'] ?? ''), 'renamed'),
    disconnect: async (account, { fields }) => said(await selfService.unlinkAccount(account, fields['source'] ?? ''), 'disconnected'),
    async connect(account, { fields, tokens }) {
      const started = await selfService.connectAccount(account, fields['source'] ?? '', tokens);
      return started === 'step_up_required' ? { kind: 'step up' } : go(started);
    },
  },
  devices: {
    end: async (account, { fields }) => said(await selfService.endOwnSession(account, fields['session'] ?? ''), 'ended'),
    async end_others(account) {
      await selfService.endOtherSessions(account);
      return { kind: 'done', code: 'ended' };
    },
    forget: async (account, { fields }) => said(await selfService.forgetOwnDevices(account, fields['device']), 'forgotten'),
  },
  applications: { withdraw: async (account, { fields }) => said(await selfService.withdrawConsent(account, fields['application'] ?? ''), 'withdrawn') },
  activity: {},
  data: {
    async download(account) {
      const held = await selfService.downloadOwnData(account);
      return held ? { kind: 'file', name: 'my-data.json', content: JSON.stringify(held, undefined, 2) } : { kind: 'step up' };
    },
  },
};
