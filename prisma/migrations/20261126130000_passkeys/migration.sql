-- CreateTable
CREATE TABLE "Passkey" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "rpId" TEXT NOT NULL,
    "credentialId" TEXT NOT NULL,
    "publicKey" BYTEA NOT NULL,
    "signCount" BIGINT NOT NULL DEFAULT 0,
    "aaguid" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "transports" TEXT[],
    "backupEligible" BOOLEAN NOT NULL,
    "backedUp" BOOLEAN NOT NULL,
    "attested" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastUsedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Passkey_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "PasskeyMetadata" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "number" INTEGER NOT NULL,
    "nextUpdate" TIMESTAMPTZ(3) NOT NULL,
    "rootHash" TEXT NOT NULL,
    "uploadedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "PasskeyMetadata_pkey" PRIMARY KEY ("instanceId")
);

-- CreateTable
CREATE TABLE "PasskeyMetadataEntry" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "aaguid" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "statuses" TEXT[],
    "roots" TEXT[],

    CONSTRAINT "PasskeyMetadataEntry_pkey" PRIMARY KEY ("instanceId","aaguid")
);

-- CreateIndex
CREATE INDEX "Passkey_instanceId_userId_idx" ON "Passkey"("instanceId", "userId");

-- CreateIndex
CREATE UNIQUE INDEX "Passkey_instanceId_rpId_credentialId_key" ON "Passkey"("instanceId", "rpId", "credentialId");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

ALTER TABLE "Passkey" ADD CONSTRAINT "Passkey_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "PasskeyMetadata" ADD CONSTRAINT "PasskeyMetadata_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "PasskeyMetadataEntry" ADD CONSTRAINT "PasskeyMetadataEntry_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;

CREATE TRIGGER "Passkey_keep_instance" BEFORE UPDATE ON "Passkey" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "PasskeyMetadata_keep_instance" BEFORE UPDATE ON "PasskeyMetadata" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "PasskeyMetadataEntry_keep_instance" BEFORE UPDATE ON "PasskeyMetadataEntry" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
