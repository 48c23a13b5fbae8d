import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFeatures, type FeatureServer } from '../../test/support/feature-server.ts';
import { deliver } from './deliver.ts';
import { purgeInstance } from './purge.ts';
import { hasGateway } from './gateways.ts';
import { warnAboutOutboxes } from './readiness.ts';
import { notifications } from './routes.ts';
import { type Message, sendNotification } from './send.ts';

let server: FeatureServer;
beforeAll(async () => { server = await startFeatures(notifications); await server.core.jobs.start(); });
afterAll(async () => { await server.core.jobs.stop(0); await server.close(); });

const send = (message: Message) => server.context.transaction((tx) => sendNotification(tx, message));
const code = (to: string | undefined, further: Partial<Message> = {}): Message => ({ template: 'sign_in_code', channel: 'sms', to, variables: { code: '492039', minutes: '10' }, ...further });
interface Row { id: string; status: string; recipient: string | null; text: string; to: string; variables: Record<string, string> }
async function rowOf(id: string): Promise<Row> {
  await deliver(server.core, 'default', id).catch(() => undefined);
  await expect.poll(async () => await server.core.database.notificationMessage.count({ where: { id, status: 'queued' } })).toBe(0);
  return (await server.api('GET', `/notifications/${id}`)).body as Row;
}

describe('the outbox', () => {
  it('keeps what no gateway takes, as it would arrive, for who may read codes', async () => {
    const { id } = await send(code('+8613812345678', { locale: 'zh-CN' }));
    expect(await rowOf(id)).toMatchObject({ status: 'outbox', recipient: '+86 13…78' });
    const { items } = (await server.api('GET', '/outbox')).body as { items: Row[] };
    expect(items.find((item) => item.id === id)).toMatchObject({ to: '+8613812345678', text: '492039 是您登录 default 的验证码，10 分钟内有效。请勿将验证码告知任何人。', variables: { code: '492039' } });
    expect(JSON.stringify((await server.api('GET', '/notifications')).body)).not.toMatch(/492039|13812345678/);
    expect(server.logLines().join('')).toMatch(/waits in the outbox/);
    expect(server.logLines().join('')).not.toMatch(/492039|13812345678/);
  });

  it('erases them after a day', async () => {
    const { id } = await send(code('+8613812345679'));
    await rowOf(id);
    await server.core.database.notificationMessage.updateMany({ where: { id }, data: { createdAt: new Date(Date.now() - 90_000_000), expiresAt: new Date(Date.now() - 80_000_000) } });
    expect(((await server.api('GET', '/outbox')).body as { items: Row[] }).items.map((item) => item.id)).not.toContain(id);
    await purgeInstance(server.context);
    expect(await server.core.database.notificationMessage.findFirst({ where: { id } })).toMatchObject({ sealedContent: null });
  });
});

describe('the start of a server', () => {
  it('names what reaches nobody where people come from elsewhere, and says nothing on localhost', async () => {
    const warnings = () => server.logLines().filter((line) => line.includes('reach nobody'));
    await warnAboutOutboxes(server.core);
    expect(warnings()).toEqual([]);
    const elsewhere = { ...server.core, config: { ...server.core.config, publicUrl: 'https://id.example.com' } };
    await warnAboutOutboxes(elsewhere);
    expect(warnings()).toHaveLength(2);
    await server.api('POST', '/notification-gateways', { name: 'Mail', kind: 'smtp', settings: { host: 'smtp.example.com', from: 'login@example.com' } });
    await expect.poll(async () => hasGateway({ ...server.context, core: elsewhere }, 'email'), { timeout: 1_000 }).toBe(true);
    await warnAboutOutboxes(elsewhere);
    expect(warnings()).toHaveLength(3);
  });
});
