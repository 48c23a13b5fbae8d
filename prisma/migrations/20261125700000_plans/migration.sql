-- CreateTable
CREATE TABLE "Plan" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "nameKey" TEXT NOT NULL,
    "description" TEXT,
    "currency" TEXT NOT NULL,
    "quotas" JSONB NOT NULL DEFAULT '{}',
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Plan_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "InstancePlan" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "planId" TEXT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "InstancePlan_pkey" PRIMARY KEY ("instanceId")
);

-- CreateTable
CREATE TABLE "QuotaCounter" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "quota" TEXT NOT NULL,
    "used" BIGINT NOT NULL,
    "exact" BOOLEAN NOT NULL,
    "countedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "QuotaCounter_pkey" PRIMARY KEY ("instanceId","quota")
);

-- CreateTable
CREATE TABLE "MonthlyUsage" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "month" TEXT NOT NULL,
    "quota" TEXT NOT NULL,
    "used" BIGINT NOT NULL,

    CONSTRAINT "MonthlyUsage_pkey" PRIMARY KEY ("instanceId","month","quota")
);

-- CreateTable
CREATE TABLE "MonthlyUsageSubject" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "month" TEXT NOT NULL,
    "quota" TEXT NOT NULL,
    "subjectId" TEXT NOT NULL,

    CONSTRAINT "MonthlyUsageSubject_pkey" PRIMARY KEY ("instanceId","month","quota","subjectId")
);

-- CreateTable
CREATE TABLE "MonthlyStatement" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "month" TEXT NOT NULL,
    "planId" TEXT NOT NULL,
    "planName" TEXT NOT NULL,
    "currency" TEXT NOT NULL,
    "lines" JSONB NOT NULL,
    "total" TEXT NOT NULL,
    "closedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "MonthlyStatement_pkey" PRIMARY KEY ("instanceId","month")
);

-- CreateIndex
CREATE UNIQUE INDEX "Plan_nameKey_key" ON "Plan"("nameKey");

-- CreateIndex
CREATE INDEX "InstancePlan_planId_idx" ON "InstancePlan"("planId");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

ALTER TABLE "InstancePlan" ADD CONSTRAINT "InstancePlan_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "QuotaCounter" ADD CONSTRAINT "QuotaCounter_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "MonthlyStatement" ADD CONSTRAINT "MonthlyStatement_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
-- Written every second: without the foreign key, not without an instance.
ALTER TABLE "MonthlyUsage" ADD CONSTRAINT "MonthlyUsage_instanceId_check" CHECK ("instanceId" <> '');
ALTER TABLE "MonthlyUsageSubject" ADD CONSTRAINT "MonthlyUsageSubject_instanceId_check" CHECK ("instanceId" <> '');

CREATE TRIGGER "InstancePlan_keep_instance" BEFORE UPDATE ON "InstancePlan" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "QuotaCounter_keep_instance" BEFORE UPDATE ON "QuotaCounter" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "MonthlyUsage_keep_instance" BEFORE UPDATE ON "MonthlyUsage" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "MonthlyUsageSubject_keep_instance" BEFORE UPDATE ON "MonthlyUsageSubject" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "MonthlyStatement_keep_instance" BEFORE UPDATE ON "MonthlyStatement" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();

-- A statement is a receipt: what it said stays said.
CREATE FUNCTION "refuse_statement_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a monthly statement does not change' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER "MonthlyStatement_keep" BEFORE UPDATE ON "MonthlyStatement" FOR EACH ROW EXECUTE FUNCTION "refuse_statement_change"();
