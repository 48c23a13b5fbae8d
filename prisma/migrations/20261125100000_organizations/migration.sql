-- CreateTable
CREATE TABLE "OrganizationalUnit" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "parentId" TEXT,
    "name" TEXT NOT NULL,
    "nameKey" TEXT NOT NULL,
    "description" TEXT,
    "externalId" TEXT,
    "position" INTEGER NOT NULL DEFAULT 0,
    "path" TEXT COLLATE "C" NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "OrganizationalUnit_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "OrganizationalUnitMember" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "userId" TEXT NOT NULL,
    "organizationalUnitId" TEXT NOT NULL,
    "isPrimary" BOOLEAN NOT NULL DEFAULT false,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "OrganizationalUnitMember_pkey" PRIMARY KEY ("instanceId","userId","organizationalUnitId")
);

-- CreateTable
CREATE TABLE "Group" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "nameKey" TEXT NOT NULL,
    "description" TEXT,
    "externalId" TEXT,
    "kind" TEXT NOT NULL DEFAULT 'static',
    "rule" TEXT,
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Group_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "GroupMember" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "groupId" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "GroupMember_pkey" PRIMARY KEY ("instanceId","groupId","userId")
);

-- CreateTable
CREATE TABLE "GroupNesting" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "groupId" TEXT NOT NULL,
    "childGroupId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "GroupNesting_pkey" PRIMARY KEY ("instanceId","groupId","childGroupId")
);

-- CreateTable
CREATE TABLE "GroupRuleRun" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "groupId" TEXT NOT NULL,
    "revision" INTEGER NOT NULL DEFAULT 1,
    "state" TEXT NOT NULL DEFAULT 'waiting',
    "afterId" TEXT NOT NULL DEFAULT '',
    "evaluated" INTEGER NOT NULL DEFAULT 0,
    "total" INTEGER NOT NULL DEFAULT 0,
    "matched" INTEGER NOT NULL DEFAULT 0,
    "errors" INTEGER NOT NULL DEFAULT 0,
    "error" TEXT,
    "startedAt" TIMESTAMPTZ(3),
    "finishedAt" TIMESTAMPTZ(3),
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "GroupRuleRun_pkey" PRIMARY KEY ("instanceId","groupId")
);

-- CreateIndex
CREATE INDEX "OrganizationalUnit_instanceId_parentId_position_id_idx" ON "OrganizationalUnit"("instanceId", "parentId", "position", "id");

-- CreateIndex
CREATE INDEX "OrganizationalUnit_instanceId_path_idx" ON "OrganizationalUnit"("instanceId", "path");

-- CreateIndex
CREATE INDEX "OrganizationalUnit_instanceId_externalId_idx" ON "OrganizationalUnit"("instanceId", "externalId");

-- CreateIndex
CREATE INDEX "OrganizationalUnitMember_instanceId_organizationalUnitId_us_idx" ON "OrganizationalUnitMember"("instanceId", "organizationalUnitId", "userId");

-- CreateIndex
CREATE INDEX "Group_instanceId_externalId_idx" ON "Group"("instanceId", "externalId");

-- CreateIndex
CREATE UNIQUE INDEX "Group_instanceId_nameKey_key" ON "Group"("instanceId", "nameKey");

-- CreateIndex
CREATE INDEX "GroupMember_instanceId_userId_groupId_idx" ON "GroupMember"("instanceId", "userId", "groupId");

-- CreateIndex
CREATE INDEX "GroupNesting_instanceId_childGroupId_groupId_idx" ON "GroupNesting"("instanceId", "childGroupId", "groupId");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

-- Siblings have different names. Partial, so that it is no key to refer to: a move must not wait for those who refer to the row.
CREATE UNIQUE INDEX "OrganizationalUnit_sibling_name_key" ON "OrganizationalUnit"("instanceId", "parentId", "nameKey") WHERE "parentId" IS NOT NULL;

-- A user has at most one primary unit.
CREATE UNIQUE INDEX "OrganizationalUnitMember_primary_key" ON "OrganizationalUnitMember"("instanceId", "userId") WHERE "isPrimary";

-- The rules that a change of a user is held against.
CREATE INDEX "Group_dynamic_idx" ON "Group"("instanceId", "id") WHERE "kind" = 'dynamic';

-- Runs of rules that somebody has to get on with.
CREATE INDEX "GroupRuleRun_unfinished_idx" ON "GroupRuleRun"("updatedAt") WHERE "state" IN ('waiting', 'running');

-- A group is no member of itself; longer circles are refused under a lock (nesting.ts).
ALTER TABLE "GroupNesting" ADD CONSTRAINT "GroupNesting_not_itself_check" CHECK ("groupId" <> "childGroupId");

-- Second wall: a row refers only to rows of its own instance. A unit with others below it is not deleted (organizational-units/delete.ts);
-- the cascade is for the erasure of an instance, which deletes in batches without order.
ALTER TABLE "OrganizationalUnit" ADD CONSTRAINT "OrganizationalUnit_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "OrganizationalUnit" ADD CONSTRAINT "OrganizationalUnit_parentId_fkey" FOREIGN KEY ("instanceId", "parentId") REFERENCES "OrganizationalUnit"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "OrganizationalUnitMember" ADD CONSTRAINT "OrganizationalUnitMember_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "OrganizationalUnitMember" ADD CONSTRAINT "OrganizationalUnitMember_organizationalUnitId_fkey" FOREIGN KEY ("instanceId", "organizationalUnitId") REFERENCES "OrganizationalUnit"("instanceId", "id") ON DELETE RESTRICT;
ALTER TABLE "Group" ADD CONSTRAINT "Group_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "GroupMember" ADD CONSTRAINT "GroupMember_groupId_fkey" FOREIGN KEY ("instanceId", "groupId") REFERENCES "Group"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "GroupMember" ADD CONSTRAINT "GroupMember_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "GroupNesting" ADD CONSTRAINT "GroupNesting_groupId_fkey" FOREIGN KEY ("instanceId", "groupId") REFERENCES "Group"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "GroupNesting" ADD CONSTRAINT "GroupNesting_childGroupId_fkey" FOREIGN KEY ("instanceId", "childGroupId") REFERENCES "Group"("instanceId", "id") ON DELETE RESTRICT;
ALTER TABLE "GroupRuleRun" ADD CONSTRAINT "GroupRuleRun_groupId_fkey" FOREIGN KEY ("instanceId", "groupId") REFERENCES "Group"("instanceId", "id") ON DELETE CASCADE;

-- Third wall: no row moves to another instance.
CREATE TRIGGER "OrganizationalUnit_keep_instance" BEFORE UPDATE ON "OrganizationalUnit" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "OrganizationalUnitMember_keep_instance" BEFORE UPDATE ON "OrganizationalUnitMember" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "Group_keep_instance" BEFORE UPDATE ON "Group" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "GroupMember_keep_instance" BEFORE UPDATE ON "GroupMember" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "GroupNesting_keep_instance" BEFORE UPDATE ON "GroupNesting" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "GroupRuleRun_keep_instance" BEFORE UPDATE ON "GroupRuleRun" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();

-- Every instance has its root; new ones get it when they are made.
INSERT INTO "OrganizationalUnit" ("instanceId", "id", "name", "nameKey", "path")
SELECT "id", 'ou_root', "name", lower("name"), '/ou_root/' FROM "Instance" WHERE "status" <> 'deleted';
