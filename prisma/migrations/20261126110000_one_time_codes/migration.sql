-- CreateTable
CREATE TABLE "TotpCredential" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "sealedSecret" TEXT NOT NULL,
    "lastStep" INTEGER NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastUsedAt" TIMESTAMPTZ(3),

    CONSTRAINT "TotpCredential_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "RecoveryCode" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "userId" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "setId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "usedAt" TIMESTAMPTZ(3),

    CONSTRAINT "RecoveryCode_pkey" PRIMARY KEY ("instanceId","userId","hash")
);

-- AlterTable
ALTER TABLE "Challenge" ADD COLUMN "pairingHash" TEXT;

-- CreateIndex
CREATE INDEX "TotpCredential_instanceId_userId_idx" ON "TotpCredential"("instanceId", "userId");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

ALTER TABLE "TotpCredential" ADD CONSTRAINT "TotpCredential_instanceId_check" CHECK ("instanceId" <> '');
ALTER TABLE "RecoveryCode" ADD CONSTRAINT "RecoveryCode_instanceId_check" CHECK ("instanceId" <> '');

ALTER TABLE "TotpCredential" ADD CONSTRAINT "TotpCredential_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "RecoveryCode" ADD CONSTRAINT "RecoveryCode_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;

CREATE TRIGGER "TotpCredential_keep_instance" BEFORE UPDATE ON "TotpCredential" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "RecoveryCode_keep_instance" BEFORE UPDATE ON "RecoveryCode" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
