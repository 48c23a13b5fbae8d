-- CreateTable
CREATE TABLE "ApplicationAccessSettings" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "applicationId" TEXT NOT NULL,
    "mode" TEXT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ApplicationAccessSettings_pkey" PRIMARY KEY ("instanceId","applicationId")
);

-- CreateTable
CREATE TABLE "ApplicationAccess" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "applicationId" TEXT NOT NULL,
    "subjectId" TEXT NOT NULL GENERATED ALWAYS AS (COALESCE("userId", "groupId", "organizationalUnitId")) STORED,
    "userId" TEXT,
    "groupId" TEXT,
    "organizationalUnitId" TEXT,
    "withDescendants" BOOLEAN NOT NULL DEFAULT false,
    "expiresAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ApplicationAccess_pkey" PRIMARY KEY ("instanceId","applicationId","subjectId")
);

-- CreateTable
CREATE TABLE "ApplicationClaimSettings" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "applicationId" TEXT NOT NULL,
    "roleMapping" TEXT,
    "claims" JSONB NOT NULL DEFAULT '[]',
    "version" INTEGER NOT NULL DEFAULT 1,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ApplicationClaimSettings_pkey" PRIMARY KEY ("instanceId","applicationId")
);

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

ALTER TABLE "ApplicationAccessSettings" ADD CONSTRAINT "ApplicationAccessSettings_mode_check" CHECK ("mode" IN ('everyone', 'assigned'));
ALTER TABLE "ApplicationAccess" ADD CONSTRAINT "ApplicationAccess_one_subject_check" CHECK (num_nonnulls("userId", "groupId", "organizationalUnitId") = 1);

-- By subject, for the foreign keys and for what a subject is assigned; a row is in one of the three only.
CREATE INDEX "ApplicationAccess_userId_idx" ON "ApplicationAccess"("instanceId", "userId", "applicationId") WHERE "userId" IS NOT NULL;
CREATE INDEX "ApplicationAccess_groupId_idx" ON "ApplicationAccess"("instanceId", "groupId", "applicationId") WHERE "groupId" IS NOT NULL;
CREATE INDEX "ApplicationAccess_organizationalUnitId_idx" ON "ApplicationAccess"("instanceId", "organizationalUnitId", "applicationId") WHERE "organizationalUnitId" IS NOT NULL;
CREATE INDEX "ApplicationAccess_expiresAt_idx" ON "ApplicationAccess"("instanceId", "expiresAt") WHERE "expiresAt" IS NOT NULL;

-- Second wall: a row refers only to rows of its own instance.
ALTER TABLE "ApplicationAccessSettings" ADD CONSTRAINT "ApplicationAccessSettings_applicationId_fkey" FOREIGN KEY ("instanceId", "applicationId") REFERENCES "Application"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "ApplicationClaimSettings" ADD CONSTRAINT "ApplicationClaimSettings_applicationId_fkey" FOREIGN KEY ("instanceId", "applicationId") REFERENCES "Application"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "ApplicationAccess" ADD CONSTRAINT "ApplicationAccess_applicationId_fkey" FOREIGN KEY ("instanceId", "applicationId") REFERENCES "Application"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "ApplicationAccess" ADD CONSTRAINT "ApplicationAccess_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "ApplicationAccess" ADD CONSTRAINT "ApplicationAccess_groupId_fkey" FOREIGN KEY ("instanceId", "groupId") REFERENCES "Group"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "ApplicationAccess" ADD CONSTRAINT "ApplicationAccess_organizationalUnitId_fkey" FOREIGN KEY ("instanceId", "organizationalUnitId") REFERENCES "OrganizationalUnit"("instanceId", "id") ON DELETE CASCADE;

-- Third wall: a row never moves to another instance.
CREATE TRIGGER "ApplicationAccessSettings_keep_instance" BEFORE UPDATE ON "ApplicationAccessSettings" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "ApplicationAccess_keep_instance" BEFORE UPDATE ON "ApplicationAccess" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "ApplicationClaimSettings_keep_instance" BEFORE UPDATE ON "ApplicationClaimSettings" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
