/** The provider's storage interface over our rows: one adapter for each model that has no table of its own. */
import type { Adapter, AdapterPayload } from 'oidc-provider';
import { sha256 } from '../../core/secrets.ts';
import { findApplicationByClientId } from '../../applications/index.ts';
import type { InstanceContext } from '../../tenancy/index.ts';
import { sqlStateOf } from '../../core/sql-state.ts';
import { type RecordContent, type RecordKey, recordsOf, type StoredRecord } from './adapter.ts';
import { checkUserCodeGuesses, claimUserCode } from './device-limits.ts';
import { revokeGrant } from './grants.ts';
import { errors } from './library.ts';
import { currentContext, currentProviderContext } from './request-context.ts';
import { keepGrant, takeGrant, writeBeside } from './request-storage.ts';

/** Identifiers that are no secrets: they speak for nobody. All others are kept as SHA-256 only. */
const publicIdentifiers = new Set(['Grant']);

/** Secrets of other records that a payload names; sealed, because the provider needs them back. */
const sealedMembers: Record<string, readonly (keyof AdapterPayload & string)[]> = {
  Interaction: ['deviceCode', 'parJti'],
  DeviceCode: ['jti'],
};

/** Nothing but the answer waits for these to be saved. */
const writtenBeside = new Set(['AccessToken', 'RefreshToken']);

/** The adapter of `model` for one instance. `instance` is the context of jobs; requests bring their own. */
export function createModelAdapter(instance: InstanceContext, model: string): Adapter {
  const { core } = instance;
  const records = recordsOf(core);
  const instanceId = instance.instance.id;
  const keyOf = (id: string): RecordKey => ({ instanceId, model, id: publicIdentifiers.has(model) ? id : sha256(id) });
  const place = (member: string) => `${instanceId}/OidcRecord/${model}/${member}`;

  function seal(payload: AdapterPayload): Record<string, unknown> {
    const stored: Record<string, unknown> = { ...payload, jti: undefined };
    for (const member of sealedMembers[model] ?? []) {
      const value = payload[member];
      if (typeof value === 'string') stored[member] = core.keyring.seal(value, place(member));
    }
    // The session's cookie is the session: it is not written down with the interaction.
    if (payload.session !== undefined) stored['session'] = { ...payload.session, cookie: undefined };
    return stored;
  }

  function open(record: Omit<StoredRecord, 'grant'>, id?: string): AdapterPayload {
    const payload: Record<string, unknown> = { ...record.payload };
    for (const member of sealedMembers[model] ?? []) {
      const value = payload[member];
      if (typeof value === 'string') payload[member] = core.keyring.open(value, place(member)).toString('utf8');
    }
    if (id !== undefined) payload['jti'] = id;
    if (record.consumedAt !== null) payload['consumed'] = Math.floor(record.consumedAt.getTime() / 1000);
    return payload as AdapterPayload;
  }

  /** Text that PostgreSQL cannot hold (NUL, half characters) can only come from the request (SQLSTATE class 22). */
  async function writeOrRefuse(key: RecordKey, content: RecordContent): Promise<void> {
    try {
      await records.write(key, content);
    } catch (error) {
      if (sqlStateOf(error)?.startsWith('22')) throw new errors.InvalidRequest('the request has characters that are not allowed');
      throw error;
    }
  }

  return {
    async upsert(id, payload, expiresIn) {
      const application = payload.clientId === undefined ? undefined : await findApplicationByClientId(instance, payload.clientId);
      const write = writeOrRefuse(keyOf(id), {
        payload: seal(payload),
        // An authorization under way is not issued under the grant that it found: it outlives it, and is judged anew.
        grantId: model === 'Interaction' ? undefined : payload.grantId,
        userCode: payload.userCode === undefined ? undefined : sha256(payload.userCode),
        userId: payload.accountId,
        applicationId: application?.id,
        expiresAt: expiresIn === undefined ? undefined : new Date(core.now().getTime() + expiresIn * 1000),
      });
      await (writtenBeside.has(model) ? writeBeside(currentProviderContext(), write) : write);
    },

    async find(id) {
      const ctx = currentProviderContext();
      const kept = model === 'Grant' ? takeGrant(ctx, id) : undefined;
      if (kept) return open({ payload: kept, uid: null, consumedAt: null }, id);
      const record = await records.find(keyOf(id));
      if (record) keepGrant(ctx, record.payload['grantId'], record.grant);
      return record && open(record, id);
    },

    async findByUserCode(userCode) {
      const context = currentContext(instance);
      await checkUserCodeGuesses(context);
      const payload = await claimUserCode(context, sha256(userCode), currentProviderContext()?.oidc.session?.uid ?? '');
      if (!payload) await checkUserCodeGuesses(context, 1);
      return payload && open({ payload, uid: null, consumedAt: null });
    },

    // Only sessions are looked up so; they have their own adapter.
    findByUid: async () => undefined,

    /** The library's own check comes too early to be exact: the row decides, once for all callers on all servers. */
    async consume(id) {
      if (await records.consume(keyOf(id))) return;
      if (model === 'PushedAuthorizationRequest') throw new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used');
      const { grantId } = (await records.find(keyOf(id)))?.payload ?? {};
      if (typeof grantId === 'string') await revokeGrant(currentContext(instance), grantId, 'reuse');
      throw new errors.InvalidGrant('already used');
    },

    async destroy(id) {
      const context = currentContext(instance);
      if (model === 'Grant') {
        const ctx = currentProviderContext();
        await revokeGrant(context, id, ctx?.oidc.route === 'token' ? 'reuse' : 'revocation');
        return;
      }
      const { count } = await context.db.oidcRecord.deleteMany({ where: { model, id: keyOf(id).id } });
      // Of two resumptions of one interaction one goes on (sign-in finished twice by a double click).
      if (count === 0 && model === 'Interaction') throw new errors.SessionNotFound('interaction session not found');
    },

    async revokeByGrantId(grantId) {
      await currentContext(instance).db.oidcRecord.deleteMany({ where: { model, grantId } });
    },
  };
}
