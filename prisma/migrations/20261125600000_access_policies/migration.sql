-- CreateTable
CREATE TABLE "NetworkZone" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "ipv4Cidrs" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "ipv6Cidrs" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "NetworkZone_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "ApplicationNetworkZone" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "applicationId" TEXT NOT NULL,
    "use" TEXT NOT NULL,
    "networkZoneId" TEXT NOT NULL,

    CONSTRAINT "ApplicationNetworkZone_pkey" PRIMARY KEY ("instanceId","applicationId","use","networkZoneId")
);

-- CreateTable
CREATE TABLE "AccessPolicy" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "priority" INTEGER NOT NULL,
    "status" TEXT NOT NULL,
    "include" JSONB NOT NULL DEFAULT '{}',
    "exclude" JSONB NOT NULL DEFAULT '{}',
    "condition" TEXT,
    "effect" TEXT NOT NULL,
    "secondFactor" JSONB,
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "AccessPolicy_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateIndex
CREATE UNIQUE INDEX "NetworkZone_instanceId_name_key" ON "NetworkZone"("instanceId", "name");

-- CreateIndex
CREATE INDEX "ApplicationNetworkZone_instanceId_networkZoneId_idx" ON "ApplicationNetworkZone"("instanceId", "networkZoneId");

-- CreateIndex
CREATE UNIQUE INDEX "AccessPolicy_instanceId_name_key" ON "AccessPolicy"("instanceId", "name");

-- CreateIndex
CREATE INDEX "AccessPolicy_instanceId_priority_createdAt_id_idx" ON "AccessPolicy"("instanceId", "priority", "createdAt", "id");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

ALTER TABLE "NetworkZone" ADD CONSTRAINT "NetworkZone_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "AccessPolicy" ADD CONSTRAINT "AccessPolicy_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "ApplicationNetworkZone" ADD CONSTRAINT "ApplicationNetworkZone_applicationId_fkey" FOREIGN KEY ("instanceId", "applicationId") REFERENCES "Application"("instanceId", "id") ON DELETE CASCADE;
-- A zone in use stays: an application without its zones would be open from everywhere.
ALTER TABLE "ApplicationNetworkZone" ADD CONSTRAINT "ApplicationNetworkZone_networkZoneId_fkey" FOREIGN KEY ("instanceId", "networkZoneId") REFERENCES "NetworkZone"("instanceId", "id") ON DELETE RESTRICT;

CREATE TRIGGER "NetworkZone_keep_instance" BEFORE UPDATE ON "NetworkZone" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "ApplicationNetworkZone_keep_instance" BEFORE UPDATE ON "ApplicationNetworkZone" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "AccessPolicy_keep_instance" BEFORE UPDATE ON "AccessPolicy" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
