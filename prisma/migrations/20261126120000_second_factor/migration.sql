-- CreateTable
CREATE TABLE "RememberedDevice" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "browserId" TEXT,
    "tokenHash" TEXT,
    "methods" TEXT[],
    "provenAt" TIMESTAMPTZ(3) NOT NULL,
    "name" TEXT NOT NULL,
    "address" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastUsedAt" TIMESTAMPTZ(3),
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "revokedAt" TIMESTAMPTZ(3),

    CONSTRAINT "RememberedDevice_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "SecondFactorGrace" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "userId" TEXT NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "SecondFactorGrace_pkey" PRIMARY KEY ("instanceId","userId")
);

-- CreateIndex
CREATE INDEX "RememberedDevice_instanceId_userId_browserId_idx" ON "RememberedDevice"("instanceId", "userId", "browserId");

-- CreateIndex
CREATE INDEX "RememberedDevice_instanceId_browserId_idx" ON "RememberedDevice"("instanceId", "browserId");

-- CreateIndex
CREATE INDEX "RememberedDevice_expiresAt_idx" ON "RememberedDevice"("expiresAt");

-- CreateIndex
CREATE UNIQUE INDEX "RememberedDevice_instanceId_tokenHash_key" ON "RememberedDevice"("instanceId", "tokenHash");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

ALTER TABLE "RememberedDevice" ADD CONSTRAINT "RememberedDevice_holder_check" CHECK (num_nonnulls("browserId", "tokenHash") = 1);
CREATE UNIQUE INDEX "RememberedDevice_live_key" ON "RememberedDevice"("instanceId", "userId", "browserId") WHERE "revokedAt" IS NULL AND "browserId" IS NOT NULL;

ALTER TABLE "RememberedDevice" ADD CONSTRAINT "RememberedDevice_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "RememberedDevice" ADD CONSTRAINT "RememberedDevice_browserId_fkey" FOREIGN KEY ("instanceId", "browserId") REFERENCES "Browser"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "SecondFactorGrace" ADD CONSTRAINT "SecondFactorGrace_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;

CREATE TRIGGER "RememberedDevice_keep_instance" BEFORE UPDATE ON "RememberedDevice" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "SecondFactorGrace_keep_instance" BEFORE UPDATE ON "SecondFactorGrace" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
