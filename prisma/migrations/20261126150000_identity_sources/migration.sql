-- CreateTable
CREATE TABLE "IdentitySource" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "position" INTEGER NOT NULL DEFAULT 0,
    "settings" JSONB NOT NULL,
    "sealedSecret" TEXT,
    "logo" BYTEA,
    "logoHash" TEXT,
    "onSignInPage" BOOLEAN NOT NULL DEFAULT true,
    "applicationIds" TEXT[],
    "domains" TEXT[],
    "rules" JSONB NOT NULL DEFAULT '{}',
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "IdentitySource_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "LinkedIdentity" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "sourceId" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "displayName" TEXT,
    "attributes" JSONB NOT NULL DEFAULT '{}',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastUsedAt" TIMESTAMPTZ(3),

    CONSTRAINT "LinkedIdentity_pkey" PRIMARY KEY ("instanceId","sourceId","subject")
);

-- CreateTable
CREATE TABLE "FederationTrip" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "flowId" TEXT NOT NULL,
    "sourceId" TEXT NOT NULL,
    "browserId" TEXT,
    "sealedRequest" TEXT NOT NULL,
    "sourceCodeHash" TEXT,
    "sealedAnswer" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "returnedAt" TIMESTAMPTZ(3),
    "consumedAt" TIMESTAMPTZ(3),

    CONSTRAINT "FederationTrip_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateIndex
CREATE INDEX "IdentitySource_instanceId_position_id_idx" ON "IdentitySource"("instanceId", "position", "id");

-- CreateIndex
CREATE UNIQUE INDEX "IdentitySource_instanceId_name_key" ON "IdentitySource"("instanceId", "name");

-- CreateIndex
CREATE UNIQUE INDEX "LinkedIdentity_instanceId_userId_sourceId_key" ON "LinkedIdentity"("instanceId", "userId", "sourceId");

-- CreateIndex
CREATE INDEX "FederationTrip_instanceId_flowId_idx" ON "FederationTrip"("instanceId", "flowId");

-- CreateIndex
CREATE INDEX "FederationTrip_instanceId_sourceId_idx" ON "FederationTrip"("instanceId", "sourceId");

-- CreateIndex
CREATE INDEX "FederationTrip_expiresAt_idx" ON "FederationTrip"("expiresAt");

-- CreateIndex
CREATE UNIQUE INDEX "FederationTrip_instanceId_sourceCodeHash_key" ON "FederationTrip"("instanceId", "sourceCodeHash");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

-- The user's domain leads to one source.
CREATE INDEX "IdentitySource_domains_idx" ON "IdentitySource" USING GIN ("domains");

ALTER TABLE "IdentitySource" ADD CONSTRAINT "IdentitySource_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "LinkedIdentity" ADD CONSTRAINT "LinkedIdentity_sourceId_fkey" FOREIGN KEY ("instanceId", "sourceId") REFERENCES "IdentitySource"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "LinkedIdentity" ADD CONSTRAINT "LinkedIdentity_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "FederationTrip" ADD CONSTRAINT "FederationTrip_sourceId_fkey" FOREIGN KEY ("instanceId", "sourceId") REFERENCES "IdentitySource"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "FederationTrip" ADD CONSTRAINT "FederationTrip_flowId_fkey" FOREIGN KEY ("instanceId", "flowId") REFERENCES "Flow"("instanceId", "id") ON DELETE CASCADE;

CREATE TRIGGER "IdentitySource_keep_instance" BEFORE UPDATE ON "IdentitySource" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "LinkedIdentity_keep_instance" BEFORE UPDATE ON "LinkedIdentity" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "FederationTrip_keep_instance" BEFORE UPDATE ON "FederationTrip" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
