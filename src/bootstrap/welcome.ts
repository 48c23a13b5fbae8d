import { resolve } from 'node:path';
import type { Config } from '../config.ts';
import type { BootstrapReport } from './bootstrap.ts';

export interface WelcomeFacts {
  readonly report: BootstrapReport;
  readonly issuer: string;
  readonly embedded: boolean;
  /** The address of the sample application, or why there is none although one was asked for. */
  readonly sample: { readonly url: string } | { readonly failure: string } | undefined;
  /** Whether an administrator has signed in yet. */
  readonly isSetUp: boolean;
  readonly startedInMs: number;
}

/** The block that is printed when the server is ready: addresses, how to get in, where the data is, what to try next. */
export function welcome(config: Config, facts: WelcomeFacts): string {
  const { report, sample } = facts;
  const sampleUrl = sample && 'url' in sample ? sample.url : undefined;
  return [
    '',
    `  Postern is ready (${(facts.startedInMs / 1000).toFixed(1)} s).`,
    '',
    ...table([
      ['Address', config.publicUrl],
      ['Issuer', facts.issuer],
      ['API reference', `${config.publicUrl}/docs`],
      ...sample ? [['Sample application', 'url' in sample ? sample.url : sample.failure] as const] : [],
      ['Data', facts.embedded ? `${resolve(config.dataDirectory)} (PostgreSQL and master key: back it up)` : `the database of DATABASE_URL${config.masterKeys.length === 0 ? `; master key in ${resolve(config.dataDirectory)}` : ''}`],
    ]),
    '',
    ...howToGetIn(facts),
    ...report.notes.flatMap((note) => [`  Note: ${note}`, '']),
    ...whatNext(report.created !== undefined || !facts.isSetUp, sampleUrl),
    '',
  ].join('\n');
}

/** The part that must not get lost: printed alone when the server cannot listen after its first start made these. */
export function credentials({ username, generatedPassword, setupLink, machineClientId }: NonNullable<BootstrapReport['created']>): string[] {
  return [
    '  The administrator was created. Set the account up with this link (works once, for 24 hours):',
    '',
    `      ${setupLink}`,
    '',
    ...generatedPassword === undefined
      ? [`  or sign in as ${username} with BOOTSTRAP_ADMIN_PASSWORD.`]
      : ['  or sign in with', '', ...table([['User name', username], ['Password', `${generatedPassword}   (shown this once; you choose your own when you sign in)`]])],
    ...machineClientId === undefined ? [] : ['', `  The application ${machineClientId} has every scope of the management and platform APIs.`],
    '',
  ];
}

function howToGetIn({ report, isSetUp }: WelcomeFacts): string[] {
  if (report.created) return credentials(report.created);
  return isSetUp ? [] : ['  No administrator has signed in yet. For a new set-up link run: npm run postern -- setup-link', ''];
}

function whatNext(isNew: boolean, sampleUrl: string | undefined): string[] {
  const steps = isNew
    ? [
      'Open the set-up link and choose a password.',
      ...sampleUrl === undefined ? [] : [`Sign in to the sample application: ${sampleUrl}`],
      'Connect an application of your own: README.md, "Five minutes".',
    ]
    : [...sampleUrl === undefined ? [] : [`Sign in to the sample application: ${sampleUrl}`], 'See what the operator can do: npm run postern -- help'];
  return ['  What to try next', ...steps.map((step, index) => `    ${index + 1}. ${step}`), '', '  Ctrl-C stops the server. The log follows.'];
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `      ${name.padEnd(width)}   ${value}`);
}
