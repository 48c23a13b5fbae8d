-- CreateTable
CREATE TABLE "NotificationGateway" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "prefixes" TEXT[],
    "settings" JSONB NOT NULL,
    "sealedSecret" TEXT,
    "costMicros" INTEGER NOT NULL DEFAULT 0,
    "currency" TEXT NOT NULL DEFAULT 'USD',
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "NotificationGateway_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "NotificationTemplate" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "template" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "locale" TEXT NOT NULL,
    "subject" TEXT,
    "text" TEXT NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "NotificationTemplate_pkey" PRIMARY KEY ("instanceId","template","channel","locale")
);

-- CreateTable
CREATE TABLE "NotificationMessage" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "template" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "locale" TEXT NOT NULL,
    "recipientHash" TEXT,
    "recipient" TEXT,
    "prefix" TEXT,
    "sealedContent" TEXT,
    "status" TEXT NOT NULL DEFAULT 'queued',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "busyUntil" TIMESTAMPTZ(3),
    "gatewayId" TEXT,
    "vendorId" TEXT,
    "errorCode" TEXT,
    "errorDetail" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "NotificationMessage_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "NotificationCost" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "month" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "gatewayId" TEXT NOT NULL,
    "prefix" TEXT NOT NULL,
    "currency" TEXT NOT NULL,
    "messages" BIGINT NOT NULL DEFAULT 0,
    "failures" BIGINT NOT NULL DEFAULT 0,
    "costMicros" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "NotificationCost_pkey" PRIMARY KEY ("instanceId","month","channel","gatewayId","prefix","currency")
);

-- CreateIndex
CREATE INDEX "NotificationMessage_instanceId_recipientHash_createdAt_idx" ON "NotificationMessage"("instanceId", "recipientHash", "createdAt");

-- CreateIndex
CREATE INDEX "NotificationMessage_instanceId_status_id_idx" ON "NotificationMessage"("instanceId", "status", "id");

-- CreateIndex
CREATE INDEX "NotificationMessage_createdAt_idx" ON "NotificationMessage"("createdAt");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

ALTER TABLE "NotificationGateway" ADD CONSTRAINT "NotificationGateway_kind_check" CHECK (("channel" = 'email' AND "kind" = 'smtp') OR ("channel" = 'sms' AND "kind" IN ('aliyun', 'tencent', 'twilio', 'http')));
ALTER TABLE "NotificationGateway" ADD CONSTRAINT "NotificationGateway_costMicros_check" CHECK ("costMicros" >= 0);
ALTER TABLE "NotificationTemplate" ADD CONSTRAINT "NotificationTemplate_channel_check" CHECK ("channel" IN ('email', 'sms'));
ALTER TABLE "NotificationMessage" ADD CONSTRAINT "NotificationMessage_channel_check" CHECK ("channel" IN ('email', 'sms'));
ALTER TABLE "NotificationMessage" ADD CONSTRAINT "NotificationMessage_status_check" CHECK ("status" IN ('queued', 'sent', 'outbox', 'failed', 'expired', 'limited', 'nobody'));

ALTER TABLE "NotificationGateway" ADD CONSTRAINT "NotificationGateway_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "NotificationTemplate" ADD CONSTRAINT "NotificationTemplate_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
-- Written with every code: without the foreign key, not without an instance.
ALTER TABLE "NotificationMessage" ADD CONSTRAINT "NotificationMessage_instanceId_check" CHECK ("instanceId" <> '');
ALTER TABLE "NotificationCost" ADD CONSTRAINT "NotificationCost_instanceId_check" CHECK ("instanceId" <> '');

CREATE TRIGGER "NotificationGateway_keep_instance" BEFORE UPDATE ON "NotificationGateway" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "NotificationTemplate_keep_instance" BEFORE UPDATE ON "NotificationTemplate" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "NotificationMessage_keep_instance" BEFORE UPDATE ON "NotificationMessage" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "NotificationCost_keep_instance" BEFORE UPDATE ON "NotificationCost" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
