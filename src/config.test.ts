import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigurationError, loadConfig, settingNames } from './config.ts';
import { freshMasterKey } from './core/keyring.ts';

function refusals(settings: Record<string, string>): string[] {
  try {
    loadConfig(settings);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.lines;
    throw error;
  }
}

describe('.env.example', () => {
  const text = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
  const example = parseEnv(text);

  it('has every setting, and no other', () => {
    expect(Object.keys(example).toSorted()).toEqual([...settingNames].toSorted());
  });

  it('explains each in a paragraph of its own', () => {
    const paragraphs = text.split('\n\n').map((paragraph) => /^(?:# .+\n)+([A-Z_]+)=.*\n?$/.exec(paragraph)?.[1]).filter((name) => name !== undefined);
    expect(paragraphs.toSorted()).toEqual([...settingNames].toSorted());
  });

  it('shows the defaults', () => {
    expect(loadConfig(example as Record<string, string>)).toEqual(loadConfig({}));
  });

  it('holds no secret', () => {
    const secrets = Object.entries(example).filter(([name]) => /SECRET|PASSWORD|KEY|TOKEN/.test(name));
    expect(secrets.map(([, value]) => value)).toEqual(secrets.map(() => ''));
  });
});

describe('settings', () => {
  it('are refused all at once, each with what would be right', () => {
    expect(refusals({ PORT: 'eighty', PUBLIC_URL: 'idp.local', DATABASE_URL: 'mysql://x', LOG_LEVEL: 'loud', MASTER_KEY: 'short' })).toEqual([
      'PORT must be a whole number from 1 to 65535',
      expect.stringMatching(/^PUBLIC_URL must be an absolute .* but is "idp.local"$/),
      'DATABASE_URL must start with postgresql://',
      expect.stringMatching(/^MASTER_KEY must be 32 random bytes/),
      expect.stringMatching(/^LOG_LEVEL must be fatal, /),
    ]);
  });

  it('follow the port where nothing else is said', () => {
    expect(loadConfig({ PORT: '8080' })).toMatchObject({ publicUrl: 'http://localhost:8080', consoleUrl: 'http://localhost:8080', sampleApplicationPort: 8081 });
    expect(loadConfig({ PUBLIC_URL: 'https://id.example.com' })).toMatchObject({ sampleApplicationPort: 0 });
  });

  it('take several master keys, the current one first', () => {
    const keys = [freshMasterKey(), freshMasterKey()];
    expect(loadConfig({ MASTER_KEY: keys.join(', ') }).masterKeys).toEqual(keys);
  });
});

describe('attack: admin.bootstrap: known and weak secrets are refused', () => {
  it.each([
    ['MASTER_KEY', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['MASTER_KEY', '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'],
    ['MASTER_KEY', 'short'],
    ['BOOTSTRAP_ADMIN_PASSWORD', 'change-me-now'],
    ['BOOTSTRAP_ADMIN_PASSWORD', 'password123'],
    ['BOOTSTRAP_ADMIN_PASSWORD', 'aaaaaaaaaaaa'],
    ['METRICS_TOKEN', 'replace-with-a-random-token'],
  ])('%s=%s', (name, value) => {
    expect(refusals({ [name]: value })).toEqual([expect.stringMatching(new RegExp(`^${name} (must|is an example)`))]);
  });

  it('the client secret of an example, and one without its id', () => {
    expect(refusals({ BOOTSTRAP_CLIENT_ID: 'automation', BOOTSTRAP_CLIENT_SECRET: 'change-me-change-me-change-me' })).toEqual([expect.stringContaining('is an example')]);
    expect(refusals({ BOOTSTRAP_CLIENT_SECRET: 'a-fine-secret-of-some-length' })).toEqual([expect.stringContaining('together with BOOTSTRAP_CLIENT_ID')]);
  });
});
