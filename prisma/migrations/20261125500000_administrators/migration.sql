-- AlterTable
ALTER TABLE "AdministratorAssignment" ADD COLUMN "customRoleId" TEXT,
ADD COLUMN "limited" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "version" INTEGER NOT NULL DEFAULT 1;

-- CreateTable
CREATE TABLE "AdministratorLimit" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "userId" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "organizationalUnitId" TEXT NOT NULL,

    CONSTRAINT "AdministratorLimit_pkey" PRIMARY KEY ("instanceId","userId","role","organizationalUnitId")
);

-- CreateTable
CREATE TABLE "AdministratorRole" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "nameKey" TEXT NOT NULL,
    "description" TEXT,
    "permissions" TEXT[],
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "AdministratorRole_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateIndex
CREATE INDEX "AdministratorLimit_instanceId_organizationalUnitId_idx" ON "AdministratorLimit"("instanceId", "organizationalUnitId");

-- CreateIndex
CREATE UNIQUE INDEX "AdministratorRole_instanceId_nameKey_key" ON "AdministratorRole"("instanceId", "nameKey");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

-- Who has a role that was made here: asked before it is deleted.
CREATE INDEX "AdministratorAssignment_customRoleId_idx" ON "AdministratorAssignment"("instanceId", "customRoleId") WHERE "customRoleId" IS NOT NULL;

-- Everywhere means the whole role: it is built in, or it is there. An owner owns everything.
ALTER TABLE "AdministratorAssignment" ADD CONSTRAINT "AdministratorAssignment_customRoleId_check" CHECK ("customRoleId" IS NULL OR "customRoleId" = "role");
ALTER TABLE "AdministratorAssignment" ADD CONSTRAINT "AdministratorAssignment_owner_check" CHECK ("role" <> 'owner' OR NOT "limited");

-- Second wall: a row refers only to rows of its own instance. A unit that limits somebody stays: gone, it would leave an administrator of nothing.
ALTER TABLE "AdministratorRole" ADD CONSTRAINT "AdministratorRole_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "AdministratorAssignment" ADD CONSTRAINT "AdministratorAssignment_customRoleId_fkey" FOREIGN KEY ("instanceId", "customRoleId") REFERENCES "AdministratorRole"("instanceId", "id") ON DELETE RESTRICT;
ALTER TABLE "AdministratorLimit" ADD CONSTRAINT "AdministratorLimit_assignment_fkey" FOREIGN KEY ("instanceId", "userId", "role") REFERENCES "AdministratorAssignment"("instanceId", "userId", "role") ON DELETE CASCADE;
ALTER TABLE "AdministratorLimit" ADD CONSTRAINT "AdministratorLimit_organizationalUnitId_fkey" FOREIGN KEY ("instanceId", "organizationalUnitId") REFERENCES "OrganizationalUnit"("instanceId", "id") ON DELETE RESTRICT;

-- Third wall: no row moves to another instance.
CREATE TRIGGER "AdministratorRole_keep_instance" BEFORE UPDATE ON "AdministratorRole" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "AdministratorLimit_keep_instance" BEFORE UPDATE ON "AdministratorLimit" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
