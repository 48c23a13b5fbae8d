-- CreateTable
CREATE TABLE "ApplicationRole" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "applicationId" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ApplicationRole_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "ApplicationRoleAssignment" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "roleId" TEXT NOT NULL,
    "subjectId" TEXT NOT NULL GENERATED ALWAYS AS (COALESCE("userId", "groupId", "organizationalUnitId")) STORED,
    "userId" TEXT,
    "groupId" TEXT,
    "organizationalUnitId" TEXT,
    "withDescendants" BOOLEAN NOT NULL DEFAULT false,
    "expiresAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ApplicationRoleAssignment_pkey" PRIMARY KEY ("instanceId","roleId","subjectId")
);

-- CreateTable
CREATE TABLE "RoleBatch" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "applicationId" TEXT NOT NULL,
    "operation" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'receiving',
    "actor" JSONB NOT NULL,
    "received" INTEGER NOT NULL DEFAULT 0,
    "done" INTEGER NOT NULL DEFAULT 0,
    "failed" INTEGER NOT NULL DEFAULT 0,
    "changes" INTEGER NOT NULL DEFAULT 0,
    "nextChunk" INTEGER NOT NULL DEFAULT 0,
    "chunks" INTEGER NOT NULL DEFAULT 0,
    "error" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "startedAt" TIMESTAMPTZ(3),
    "finishedAt" TIMESTAMPTZ(3),
    "progressedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "RoleBatch_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "RoleBatchChunk" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "batchId" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "firstLine" INTEGER NOT NULL,
    "lines" TEXT NOT NULL,

    CONSTRAINT "RoleBatchChunk_pkey" PRIMARY KEY ("instanceId","batchId","number")
);

-- CreateTable
CREATE TABLE "RoleBatchError" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "batchId" TEXT NOT NULL,
    "line" INTEGER NOT NULL,
    "code" TEXT NOT NULL,
    "detail" TEXT NOT NULL,

    CONSTRAINT "RoleBatchError_pkey" PRIMARY KEY ("instanceId","batchId","line")
);

-- CreateIndex
CREATE UNIQUE INDEX "ApplicationRole_instanceId_applicationId_key_key" ON "ApplicationRole"("instanceId", "applicationId", "key");

-- CreateIndex
CREATE INDEX "RoleBatch_instanceId_applicationId_id_idx" ON "RoleBatch"("instanceId", "applicationId", "id");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

ALTER TABLE "ApplicationRoleAssignment" ADD CONSTRAINT "ApplicationRoleAssignment_one_subject_check" CHECK (num_nonnulls("userId", "groupId", "organizationalUnitId") = 1);

-- By subject, for effective roles and for the foreign keys: a row is in one of the three only.
CREATE INDEX "ApplicationRoleAssignment_userId_idx" ON "ApplicationRoleAssignment"("instanceId", "userId", "roleId") WHERE "userId" IS NOT NULL;
CREATE INDEX "ApplicationRoleAssignment_groupId_idx" ON "ApplicationRoleAssignment"("instanceId", "groupId", "roleId") WHERE "groupId" IS NOT NULL;
CREATE INDEX "ApplicationRoleAssignment_organizationalUnitId_idx" ON "ApplicationRoleAssignment"("instanceId", "organizationalUnitId", "roleId") WHERE "organizationalUnitId" IS NOT NULL;
CREATE INDEX "ApplicationRoleAssignment_expiresAt_idx" ON "ApplicationRoleAssignment"("instanceId", "expiresAt") WHERE "expiresAt" IS NOT NULL;

-- One event names all subjects of a change: the log finds it by each of them. The others are found by "subjectId".
CREATE INDEX "Event_subjects_idx" ON "Event" USING gin ((COALESCE("after", "before") -> 'subjects') jsonb_path_ops) WHERE "subjectType" = 'application_role';

-- Batches that somebody has to get on with.
CREATE INDEX "RoleBatch_unfinished_idx" ON "RoleBatch"("progressedAt") WHERE "status" IN ('receiving', 'waiting', 'running');

-- Second wall: a row refers only to rows of its own instance.
ALTER TABLE "ApplicationRole" ADD CONSTRAINT "ApplicationRole_applicationId_fkey" FOREIGN KEY ("instanceId", "applicationId") REFERENCES "Application"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "ApplicationRoleAssignment" ADD CONSTRAINT "ApplicationRoleAssignment_roleId_fkey" FOREIGN KEY ("instanceId", "roleId") REFERENCES "ApplicationRole"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "ApplicationRoleAssignment" ADD CONSTRAINT "ApplicationRoleAssignment_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "ApplicationRoleAssignment" ADD CONSTRAINT "ApplicationRoleAssignment_groupId_fkey" FOREIGN KEY ("instanceId", "groupId") REFERENCES "Group"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "ApplicationRoleAssignment" ADD CONSTRAINT "ApplicationRoleAssignment_organizationalUnitId_fkey" FOREIGN KEY ("instanceId", "organizationalUnitId") REFERENCES "OrganizationalUnit"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "RoleBatch" ADD CONSTRAINT "RoleBatch_applicationId_fkey" FOREIGN KEY ("instanceId", "applicationId") REFERENCES "Application"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "RoleBatchChunk" ADD CONSTRAINT "RoleBatchChunk_batchId_fkey" FOREIGN KEY ("instanceId", "batchId") REFERENCES "RoleBatch"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "RoleBatchError" ADD CONSTRAINT "RoleBatchError_batchId_fkey" FOREIGN KEY ("instanceId", "batchId") REFERENCES "RoleBatch"("instanceId", "id") ON DELETE CASCADE;

-- Third wall: no row moves to another instance.
CREATE TRIGGER "ApplicationRole_keep_instance" BEFORE UPDATE ON "ApplicationRole" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "ApplicationRoleAssignment_keep_instance" BEFORE UPDATE ON "ApplicationRoleAssignment" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "RoleBatch_keep_instance" BEFORE UPDATE ON "RoleBatch" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "RoleBatchChunk_keep_instance" BEFORE UPDATE ON "RoleBatchChunk" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "RoleBatchError_keep_instance" BEFORE UPDATE ON "RoleBatchError" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
