-- CreateTable
CREATE TABLE "RiskAssessment" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "flowId" TEXT NOT NULL,
    "userId" TEXT,
    "applicationId" TEXT,
    "channel" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "completedAt" TIMESTAMPTZ(3),
    "address" TEXT,
    "userAgent" TEXT,
    "country" TEXT,
    "city" TEXT,
    "latitude" DOUBLE PRECISION,
    "longitude" DOUBLE PRECISION,
    "measurements" JSONB NOT NULL,
    "score" INTEGER NOT NULL,
    "reasons" TEXT[],
    "action" TEXT NOT NULL,
    "enforced" BOOLEAN NOT NULL,

    CONSTRAINT "RiskAssessment_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "RiskCounter" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "kind" TEXT NOT NULL,
    "keyHash" TEXT NOT NULL,
    "count" INTEGER NOT NULL,
    "previous" INTEGER NOT NULL DEFAULT 0,
    "windowStartsAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "RiskCounter_pkey" PRIMARY KEY ("instanceId","kind","keyHash")
);

-- CreateTable
CREATE TABLE "AddressList" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "url" TEXT,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "ranges" TEXT NOT NULL DEFAULT '',
    "rangeCount" INTEGER NOT NULL DEFAULT 0,
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "fetchedAt" TIMESTAMPTZ(3),
    "fetchError" TEXT,

    CONSTRAINT "AddressList_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "RiskReplay" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'queued',
    "request" JSONB NOT NULL,
    "result" JSONB,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "RiskReplay_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateIndex
CREATE INDEX "RiskAssessment_instanceId_userId_id_idx" ON "RiskAssessment"("instanceId", "userId", "id");

-- CreateIndex
CREATE INDEX "RiskAssessment_instanceId_flowId_idx" ON "RiskAssessment"("instanceId", "flowId");

-- CreateIndex
CREATE INDEX "RiskAssessment_createdAt_idx" ON "RiskAssessment"("createdAt");

-- CreateIndex
CREATE INDEX "RiskCounter_windowStartsAt_idx" ON "RiskCounter"("windowStartsAt");

-- CreateIndex
CREATE UNIQUE INDEX "AddressList_instanceId_name_key" ON "AddressList"("instanceId", "name");

-- CreateIndex
CREATE INDEX "RiskReplay_createdAt_idx" ON "RiskReplay"("createdAt");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

ALTER TABLE "RiskAssessment" ADD CONSTRAINT "RiskAssessment_score_check" CHECK ("score" BETWEEN 0 AND 100);
ALTER TABLE "RiskAssessment" ADD CONSTRAINT "RiskAssessment_action_check" CHECK ("action" IN ('allow', 'notify', 'captcha', 'second_factor', 'deny'));
ALTER TABLE "RiskReplay" ADD CONSTRAINT "RiskReplay_status_check" CHECK ("status" IN ('queued', 'done', 'failed'));

-- Where a person was signed in before: the last few, by their time-ordered ids.
CREATE INDEX "RiskAssessment_known_idx" ON "RiskAssessment"("instanceId", "userId", "id" DESC) WHERE "completedAt" IS NOT NULL;

ALTER TABLE "RiskAssessment" ADD CONSTRAINT "RiskAssessment_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "RiskAssessment" ADD CONSTRAINT "RiskAssessment_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
-- No foreign key: every attempt would lock the row of its instance.
ALTER TABLE "RiskCounter" ADD CONSTRAINT "RiskCounter_instanceId_check" CHECK ("instanceId" <> '');
ALTER TABLE "AddressList" ADD CONSTRAINT "AddressList_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "RiskReplay" ADD CONSTRAINT "RiskReplay_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;

CREATE TRIGGER "RiskAssessment_keep_instance" BEFORE UPDATE ON "RiskAssessment" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "RiskCounter_keep_instance" BEFORE UPDATE ON "RiskCounter" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "AddressList_keep_instance" BEFORE UPDATE ON "AddressList" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "RiskReplay_keep_instance" BEFORE UPDATE ON "RiskReplay" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
