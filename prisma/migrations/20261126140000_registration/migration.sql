-- CreateTable
CREATE TABLE "RegistrationRequest" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'pending',
    "reason" TEXT,
    "locale" TEXT,
    "decidedBy" TEXT,
    "decidedAt" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "RegistrationRequest_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "Recovery" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "flowId" TEXT NOT NULL,
    "userId" TEXT,
    "channel" TEXT NOT NULL,
    "addressHash" TEXT,
    "tokenHash" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "consumedAt" TIMESTAMPTZ(3),
    "voidedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Recovery_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "RecoveryRequest" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'pending',
    "decidedBy" TEXT,
    "decidedAt" TIMESTAMPTZ(3),
    "availableAt" TIMESTAMPTZ(3),
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "RecoveryRequest_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "AddressChange" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "sealedValue" TEXT NOT NULL,
    "codeHash" TEXT NOT NULL,
    "attemptsLeft" INTEGER NOT NULL DEFAULT 5,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "consumedAt" TIMESTAMPTZ(3),

    CONSTRAINT "AddressChange_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "TermsDocument" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "position" INTEGER NOT NULL DEFAULT 0,
    "published" INTEGER NOT NULL DEFAULT 0,
    "state" TEXT NOT NULL DEFAULT 'active',
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "TermsDocument_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "TermsVersion" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "documentId" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "texts" JSONB NOT NULL,
    "publishedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "TermsVersion_pkey" PRIMARY KEY ("instanceId","documentId","number")
);

-- CreateTable
CREATE TABLE "TermsAcceptance" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "documentId" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "locale" TEXT,
    "address" TEXT,
    "acceptedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "TermsAcceptance_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateIndex
CREATE INDEX "RegistrationRequest_instanceId_state_id_idx" ON "RegistrationRequest"("instanceId", "state", "id");

-- CreateIndex
CREATE INDEX "Recovery_instanceId_userId_idx" ON "Recovery"("instanceId", "userId");

-- CreateIndex
CREATE INDEX "Recovery_instanceId_flowId_idx" ON "Recovery"("instanceId", "flowId");

-- CreateIndex
CREATE INDEX "Recovery_expiresAt_idx" ON "Recovery"("expiresAt");

-- CreateIndex
CREATE INDEX "RecoveryRequest_instanceId_state_id_idx" ON "RecoveryRequest"("instanceId", "state", "id");

-- CreateIndex
CREATE INDEX "RecoveryRequest_instanceId_userId_idx" ON "RecoveryRequest"("instanceId", "userId");

-- CreateIndex
CREATE INDEX "AddressChange_instanceId_userId_idx" ON "AddressChange"("instanceId", "userId");

-- CreateIndex
CREATE INDEX "AddressChange_expiresAt_idx" ON "AddressChange"("expiresAt");

-- CreateIndex
CREATE INDEX "TermsAcceptance_instanceId_documentId_number_idx" ON "TermsAcceptance"("instanceId", "documentId", "number");

-- CreateIndex
CREATE UNIQUE INDEX "RegistrationRequest_instanceId_userId_key" ON "RegistrationRequest"("instanceId", "userId");

-- CreateIndex
CREATE UNIQUE INDEX "Recovery_instanceId_tokenHash_key" ON "Recovery"("instanceId", "tokenHash");

-- CreateIndex
CREATE UNIQUE INDEX "TermsAcceptance_instanceId_userId_documentId_number_key" ON "TermsAcceptance"("instanceId", "userId", "documentId", "number");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

ALTER TABLE "RegistrationRequest" ADD CONSTRAINT "RegistrationRequest_state_check" CHECK ("state" IN ('pending', 'approved', 'refused'));
ALTER TABLE "Recovery" ADD CONSTRAINT "Recovery_channel_check" CHECK ("channel" IN ('email', 'sms'));
ALTER TABLE "RecoveryRequest" ADD CONSTRAINT "RecoveryRequest_kind_check" CHECK ("kind" IN ('second_factor', 'passkey'));
ALTER TABLE "RecoveryRequest" ADD CONSTRAINT "RecoveryRequest_state_check" CHECK ("state" IN ('pending', 'approved', 'refused', 'used'));
ALTER TABLE "AddressChange" ADD CONSTRAINT "AddressChange_channel_check" CHECK ("channel" IN ('email', 'sms'));
ALTER TABLE "TermsDocument" ADD CONSTRAINT "TermsDocument_state_check" CHECK ("state" IN ('active', 'retired'));

CREATE UNIQUE INDEX "RecoveryRequest_open_key" ON "RecoveryRequest"("instanceId", "userId", "kind") WHERE "state" IN ('pending', 'approved');

ALTER TABLE "RegistrationRequest" ADD CONSTRAINT "RegistrationRequest_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "Recovery" ADD CONSTRAINT "Recovery_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
-- Written for names that nobody has, too: without the user, not without an instance.
ALTER TABLE "Recovery" ADD CONSTRAINT "Recovery_instanceId_check" CHECK ("instanceId" <> '');
ALTER TABLE "RecoveryRequest" ADD CONSTRAINT "RecoveryRequest_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "AddressChange" ADD CONSTRAINT "AddressChange_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "TermsDocument" ADD CONSTRAINT "TermsDocument_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "TermsVersion" ADD CONSTRAINT "TermsVersion_documentId_fkey" FOREIGN KEY ("instanceId", "documentId") REFERENCES "TermsDocument"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "TermsAcceptance" ADD CONSTRAINT "TermsAcceptance_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "TermsAcceptance" ADD CONSTRAINT "TermsAcceptance_number_fkey" FOREIGN KEY ("instanceId", "documentId", "number") REFERENCES "TermsVersion"("instanceId", "documentId", "number") ON DELETE CASCADE;

CREATE TRIGGER "RegistrationRequest_keep_instance" BEFORE UPDATE ON "RegistrationRequest" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "Recovery_keep_instance" BEFORE UPDATE ON "Recovery" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "RecoveryRequest_keep_instance" BEFORE UPDATE ON "RecoveryRequest" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "AddressChange_keep_instance" BEFORE UPDATE ON "AddressChange" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "TermsDocument_keep_instance" BEFORE UPDATE ON "TermsDocument" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "TermsVersion_keep_instance" BEFORE UPDATE ON "TermsVersion" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "TermsAcceptance_keep_instance" BEFORE UPDATE ON "TermsAcceptance" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
