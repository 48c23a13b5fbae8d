/**
 * Many instances quickly: copies of what the first one has for the machine application, with keys of their own place.
 * They share a few key pairs (an RSA key costs 50 ms to make), which changes nothing of what is measured.
 */
import { newId } from '../../src/core/ids.ts';
import type { Prisma } from '../../src/generated/prisma/client.ts';
import type { InstanceContext } from '../../src/tenancy/index.ts';
import { makeKeyMaterial, type SigningAlgorithm, signingAlgorithms } from '../../src/tenancy/key-material.ts';
import { privateKeyPlace } from '../../src/tenancy/new-instance-keys.ts';
import { machine } from '../fixtures.ts';

const batch = 250;

export async function seedInstances(first: InstanceContext, ids: readonly string[]): Promise<void> {
  const { core } = first;
  const { database } = core;
  const where = { instanceId: first.instance.id };
  const application = await database.application.findFirstOrThrow({ where: { ...where, clientId: machine.id } });
  const [secrets, grants, apis] = await Promise.all([
    database.clientSecret.findMany({ where: { ...where, applicationId: application.id } }),
    database.applicationResource.findMany({ where: { ...where, applicationId: application.id } }),
    database.resourceServer.findMany({ where: { ...where, builtIn: false } }),
  ]);
  const { settings } = await database.instance.findUniqueOrThrow({ where: { id: first.instance.id } });
  const makeKeys = await createKeyMaker(first);
  for (let from = 0; from < ids.length; from += batch) {
    const some = ids.slice(from, from + batch);
    const copies = <Row extends object>(rows: readonly Row[]) => some.flatMap((instanceId) => rows.map((row) => ({ ...row, instanceId })));
    await database.$transaction([
      database.instance.createMany({ data: some.map((id) => ({ id, name: id, settings: settings as Prisma.InputJsonObject })) }),
      database.signingKey.createMany({ data: some.flatMap(makeKeys) }),
      database.application.createMany({ data: copies([{ ...application, settings: application.settings as Prisma.InputJsonObject }]) }),
      database.clientSecret.createMany({ data: copies(secrets) }),
      database.resourceServer.createMany({ data: copies(apis.map((api) => ({ ...api, scopes: api.scopes as Prisma.InputJsonArray }))) }),
      database.applicationResource.createMany({ data: copies(grants) }),
    ]);
  }
}

async function createKeyMaker({ core }: InstanceContext): Promise<(instanceId: string) => Prisma.SigningKeyCreateManyInput[]> {
  const pairs = await Promise.all(signingAlgorithms.flatMap((algorithm) => (['active', 'next'] as const).map(async (status) =>
    ({ algorithm, status, material: await makeKeyMaterial(core, algorithm) }))));
  return (instanceId) => pairs.map(({ algorithm, status, material }) => {
    const id = newId('key');
    const named = (jwk: object, alg: SigningAlgorithm) => ({ ...jwk, kid: id, alg, use: 'sig' });
    return {
      instanceId, id, algorithm, status, activatedAt: status === 'active' ? core.now() : null,
      publicJwk: named(material.publicJwk, algorithm),
      sealedPrivateJwk: core.keyring.seal(JSON.stringify(named(material.privateJwk, algorithm)), privateKeyPlace(instanceId, id)),
    };
  });
}
