-- CreateTable
CREATE TABLE "FlowHook" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "triggers" TEXT[],
    "url" TEXT NOT NULL,
    "sealedSecret" TEXT NOT NULL,
    "sealedPreviousSecret" TEXT,
    "previousUntil" TIMESTAMPTZ(3),
    "timeoutMs" INTEGER NOT NULL DEFAULT 3000,
    "onFailure" TEXT NOT NULL DEFAULT 'deny',
    "position" INTEGER NOT NULL DEFAULT 100,
    "callsPerMinute" INTEGER NOT NULL DEFAULT 100,
    "dropped" BIGINT NOT NULL DEFAULT 0,
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "FlowHook_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "FlowHookRun" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "flowId" TEXT NOT NULL,
    "hookId" TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "answer" JSONB,

    CONSTRAINT "FlowHookRun_pkey" PRIMARY KEY ("instanceId","flowId","hookId","trigger")
);

-- CreateTable
CREATE TABLE "FlowHookCall" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "hookId" TEXT NOT NULL,
    "trigger" TEXT NOT NULL,
    "flowId" TEXT,
    "userId" TEXT,
    "status" TEXT NOT NULL,
    "action" TEXT,
    "httpStatus" INTEGER,
    "milliseconds" INTEGER NOT NULL,
    "detail" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "FlowHookCall_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateIndex
CREATE INDEX "FlowHookRun_startedAt_idx" ON "FlowHookRun"("startedAt");

-- CreateIndex
CREATE INDEX "FlowHookCall_instanceId_hookId_id_idx" ON "FlowHookCall"("instanceId", "hookId", "id");

-- CreateIndex
CREATE INDEX "FlowHookCall_createdAt_idx" ON "FlowHookCall"("createdAt");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

ALTER TABLE "FlowHook" ADD CONSTRAINT "FlowHook_onFailure_check" CHECK ("onFailure" IN ('continue', 'deny'));
ALTER TABLE "FlowHook" ADD CONSTRAINT "FlowHook_limits_check" CHECK ("timeoutMs" BETWEEN 100 AND 3000 AND "callsPerMinute" BETWEEN 1 AND 100);
ALTER TABLE "FlowHookCall" ADD CONSTRAINT "FlowHookCall_status_check" CHECK ("status" IN ('answered', 'failed', 'dropped'));

ALTER TABLE "FlowHook" ADD CONSTRAINT "FlowHook_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "FlowHookRun" ADD CONSTRAINT "FlowHookRun_hookId_fkey" FOREIGN KEY ("instanceId", "hookId") REFERENCES "FlowHook"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "FlowHookCall" ADD CONSTRAINT "FlowHookCall_hookId_fkey" FOREIGN KEY ("instanceId", "hookId") REFERENCES "FlowHook"("instanceId", "id") ON DELETE CASCADE;

CREATE TRIGGER "FlowHook_keep_instance" BEFORE UPDATE ON "FlowHook" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "FlowHookRun_keep_instance" BEFORE UPDATE ON "FlowHookRun" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "FlowHookCall_keep_instance" BEFORE UPDATE ON "FlowHookCall" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
