/**
 * All settings, read from the environment once and checked together. `.env.example` tells each with its default.
 */
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { parseAllowance } from './core/addresses.ts';
import { parseMasterKey } from './core/master-key.ts';

const list = z.string().default('').transform((text) => text.split(',').map((item) => item.trim()).filter(Boolean));
function wholeNumber(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.coerce.number({ error }).int(error).min(least, error).max(most, error);
}

const origin = z.string().transform((text, context) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const plain = url && ['http:', 'https:'].includes(url.protocol) && url.pathname === '/' && !url.search && !url.hash && !url.username;
  if (!plain) {
    context.addIssue({ code: 'custom', message: `must be an absolute http or https address without a path, such as https://id.example.com, but is "${text}"` });
    return z.NEVER;
  }
  if (url.protocol === 'http:' && !isLoopbackName(url.hostname)) {
    context.addIssue({ code: 'custom', message: `must be https (plain http only for localhost), but is "${text}"` });
    return z.NEVER;
  }
  return url.origin;
});

/** Secrets that stand in a document, or that somebody meant to replace, are known to everybody. */
const isNoExample = [
  (text: string) => !/change.?(me|this)|^(replace|your|example|insert)[-_ .]|^(password|secret|admin|postern)[\W\d]*$/i.test(text) && new Set(text).size > 4,
  'is an example or not random; choose another one',
] as const;

/** What a check says against a value; undefined when nothing. */
function explain(check: () => unknown): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const settings = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(1, 65_535).default(3000),
  PUBLIC_URL: origin.optional(),
  CONSOLE_URL: origin.optional(),
  INSTANCE_HOSTS: z.string().regex(/^\*(\.[a-z0-9-]+)+(:\d+)?$/, 'must look like *.id.example.com').optional(),
  ALLOW_SEVERAL_OWNERS_ON_ONE_ORIGIN: z.stringbool().default(false),
  DATA_DIR: z.string().min(1).default('./data'),
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'must start with postgresql://').optional(),
  DATABASE_POOL_SIZE: wholeNumber(2, 500).default(16),
  REDIS_URL: z.string().regex(/^rediss?:\/\//, 'must start with redis:// or rediss://').optional(),
  MASTER_KEY: list.superRefine((keys, context) => {
    for (const key of keys) {
      const message = explain(() => parseMasterKey(key));
      if (message !== undefined) context.addIssue({ code: 'custom', message: message.replace(/^MASTER_KEY /, '') });
    }
  }),
  TRUSTED_PROXIES: list.refine((items) => items.every(isCidr), 'must be addresses or CIDR ranges, separated by commas, such as 10.0.0.0/8'),
  OUTBOUND_ALLOW: list.superRefine((entries, context) => {
    const message = explain(() => parseAllowance(entries));
    if (message !== undefined) context.addIssue({ code: 'custom', message: message.replace(/^OUTBOUND_ALLOW /, '') });
  }),
  GEOIP_FILE: z.string().min(1).optional(),
  MTLS_CERTIFICATE_HEADER: z.string().regex(/^[a-z0-9-]+$/i, 'must be the name of a header').transform((name) => name.toLowerCase()).optional(),
  METRICS_TOKEN: z.string().min(16, 'must have at least 16 characters').refine(...isNoExample).optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { error: 'must be fatal, error, warn, info, debug, trace or silent' }).default('info'),
  SHUTDOWN_GRACE_SECONDS: wholeNumber(0, 600).default(15),
  SAMPLE_APPLICATION_PORT: wholeNumber(0, 65_535).optional(),
  BOOTSTRAP_ADMIN_USERNAME: z.string().max(64).regex(/^[\p{L}\p{M}\p{N}._@+-]*[\p{L}\p{N}][\p{L}\p{M}\p{N}._@+-]*$/u, 'must consist of letters, digits and . _ - + @').default('admin'),
  BOOTSTRAP_ADMIN_PASSWORD: z.string().min(8, 'must have at least 8 characters').max(256).refine(...isNoExample).optional(),
  BOOTSTRAP_CLIENT_ID: z.string().regex(/^[A-Za-z0-9._-]{3,100}$/, 'must be 3 to 100 letters, digits, dots, dashes or underscores').optional(),
  BOOTSTRAP_CLIENT_SECRET: z.string().min(24, 'must have at least 24 characters').max(256).refine(...isNoExample).optional(),
}).refine((value) => (value.BOOTSTRAP_CLIENT_ID === undefined) === (value.BOOTSTRAP_CLIENT_SECRET === undefined),
  { path: ['BOOTSTRAP_CLIENT_SECRET'], message: 'must be set together with BOOTSTRAP_CLIENT_ID' });

/** The names of all settings, for the check of .env.example. */
export const settingNames: readonly string[] = Object.keys(settings.shape);

export interface Config {
  readonly host: string;
  readonly port: number;
  /** An origin, without a slash at the end. */
  readonly publicUrl: string;
  /** An origin of its own for console and platform API, else the public one. */
  readonly consoleUrl: string;
  /** `id.example.com` for INSTANCE_HOSTS=*.id.example.com, with its port if it has one. */
  readonly instanceHostSuffix: string | undefined;
  readonly allowSeveralOwnersOnOneOrigin: boolean;
  readonly dataDirectory: string;
  /** Undefined: an embedded PostgreSQL under the data directory. */
  readonly databaseUrl: string | undefined;
  readonly databasePoolSize: number;
  readonly redisUrl: string | undefined;
  /** Current key first; empty: a key in the data directory. */
  readonly masterKeys: readonly string[];
  readonly trustedProxies: readonly string[];
  readonly outboundAllow: readonly string[];
  /** A database of places in MMDB format; undefined: none. */
  readonly geoipFile: string | undefined;
  /** The header in which a trusted proxy hands over the client's certificate (RFC 8705); undefined: off. */
  readonly mtlsCertificateHeader: string | undefined;
  readonly metricsToken: string | undefined;
  readonly logLevel: string;
  readonly shutdownGraceSeconds: number;
  /** 0: no sample application. */
  readonly sampleApplicationPort: number;
  readonly bootstrap: {
    readonly administratorUsername: string;
    readonly administratorPassword: string | undefined;
    readonly clientId: string | undefined;
    readonly clientSecret: string | undefined;
  };
}

/** Settings that cannot be used; `lines` names each with what would be right. */
export class ConfigurationError extends Error {
  readonly lines: string[];
  constructor(lines: string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/**
 * Reads the settings. An empty value counts as not set.
 * @throws ConfigurationError with all errors at once
 */
export function loadConfig(environment: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''));
  const parsed = settings.safeParse(given);
  if (!parsed.success) {
    throw new ConfigurationError(parsed.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`));
  }
  const value = parsed.data;
  const publicUrl = value.PUBLIC_URL ?? `http://localhost:${value.PORT}`;
  return {
    host: value.HOST,
    port: value.PORT,
    publicUrl,
    consoleUrl: value.CONSOLE_URL ?? publicUrl,
    instanceHostSuffix: value.INSTANCE_HOSTS?.slice(2),
    allowSeveralOwnersOnOneOrigin: value.ALLOW_SEVERAL_OWNERS_ON_ONE_ORIGIN,
    dataDirectory: value.DATA_DIR,
    databaseUrl: value.DATABASE_URL,
    databasePoolSize: value.DATABASE_POOL_SIZE,
    redisUrl: value.REDIS_URL,
    masterKeys: value.MASTER_KEY,
    trustedProxies: value.TRUSTED_PROXIES,
    outboundAllow: value.OUTBOUND_ALLOW,
    geoipFile: value.GEOIP_FILE,
    mtlsCertificateHeader: value.MTLS_CERTIFICATE_HEADER,
    metricsToken: value.METRICS_TOKEN,
    logLevel: value.LOG_LEVEL,
    shutdownGraceSeconds: value.SHUTDOWN_GRACE_SECONDS,
    sampleApplicationPort: value.SAMPLE_APPLICATION_PORT ?? (isLoopbackName(new URL(publicUrl).hostname) ? value.PORT + 1 : 0),
    bootstrap: {
      administratorUsername: value.BOOTSTRAP_ADMIN_USERNAME,
      administratorPassword: value.BOOTSTRAP_ADMIN_PASSWORD,
      clientId: value.BOOTSTRAP_CLIENT_ID,
      clientSecret: value.BOOTSTRAP_CLIENT_SECRET,
    },
  };
}

function isLoopbackName(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '127.0.0.1' || hostname === '[::1]';
}

function isCidr(text: string): boolean {
  return ipaddr.isValid(text) || ipaddr.isValidCIDR(text);
}
