/** The one list of connectors. A new one is a file, a line here, and its stand-in in the conformance suite. */
import { alipay } from './alipay.ts';
import { apple } from './apple.ts';
import type { Connector } from './connector.ts';
import { dingtalk } from './dingtalk.ts';
import { github } from './github.ts';
import { google } from './google.ts';
import { feishu, lark } from './lark.ts';
import { microsoft } from './microsoft.ts';
import { oauth2 } from './oauth2.ts';
import { oidc } from './oidc.ts';
import { qq } from './qq.ts';
import { wechat, wechatOfficialAccount } from './wechat.ts';
import { wecom } from './wecom.ts';

/** Each reads its settings with its own schema before it is called, so that their type is nobody else's business. */
export const connectors = {
  oidc, oauth2, google, microsoft, github, apple, wechat, wechat_official_account: wechatOfficialAccount, wecom, dingtalk, lark, feishu, alipay, qq,
} as const;

export type SourceKind = keyof typeof connectors;
export const sourceKinds = Object.keys(connectors) as [SourceKind, ...SourceKind[]];
export const isSourceKind = (kind: string): kind is SourceKind => Object.hasOwn(connectors, kind);

/** The connector of a kind, with its settings read. */
export const connectorOf = (kind: SourceKind): Connector<never> => connectors[kind] as Connector<never>;
