-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- The number of the writing transaction, from which the event log has its order. Transaction ids are the cluster's own:
-- after a restore into a new cluster they begin anew, so the start of the server moves the offset beyond the log's end.
CREATE SEQUENCE "event_transaction_offset" AS BIGINT MINVALUE 0 START 0;
CREATE FUNCTION "event_transaction_id"() RETURNS BIGINT LANGUAGE sql VOLATILE AS $$
  SELECT (pg_current_xact_id()::text)::bigint + (SELECT last_value FROM "event_transaction_offset") $$;
-- Every transaction below it has ended: nothing will appear there any more.
CREATE FUNCTION "event_horizon"() RETURNS BIGINT LANGUAGE sql STABLE AS $$
  SELECT (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint + (SELECT last_value FROM "event_transaction_offset") $$;

-- CreateTable
CREATE TABLE "Instance" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'active',
    "version" INTEGER NOT NULL DEFAULT 1,
    "settings" JSONB NOT NULL DEFAULT '{}',
    "branding" JSONB NOT NULL DEFAULT '{}',
    "primaryDomain" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,
    "suspendedAt" TIMESTAMPTZ(3),
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Instance_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "InstanceDomain" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "hostname" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'pending',
    "verificationToken" TEXT NOT NULL,
    "verifiedAt" TIMESTAMPTZ(3),
    "checkedAt" TIMESTAMPTZ(3),
    "failedChecks" INTEGER NOT NULL DEFAULT 0,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "InstanceDomain_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "InstanceImage" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "hash" TEXT NOT NULL,
    "contentType" TEXT NOT NULL,
    "content" BYTEA NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "InstanceImage_pkey" PRIMARY KEY ("instanceId","hash")
);

-- CreateTable
CREATE TABLE "SigningKey" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "algorithm" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "publicJwk" JSONB NOT NULL,
    "sealedPrivateJwk" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "activatedAt" TIMESTAMPTZ(3),
    "retiresAt" TIMESTAMPTZ(3),

    CONSTRAINT "SigningKey_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "ServerRecord" (
    "name" TEXT NOT NULL,
    "value" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ServerRecord_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "Event" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "sequence" BIGSERIAL NOT NULL,
    "transactionId" BIGINT NOT NULL DEFAULT event_transaction_id(),
    "occurredAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "type" TEXT NOT NULL,
    "actor" JSONB NOT NULL,
    "subjectType" TEXT NOT NULL,
    "subjectId" TEXT NOT NULL,
    "before" JSONB,
    "after" JSONB,
    "address" TEXT,
    "requestId" TEXT,

    CONSTRAINT "Event_pkey" PRIMARY KEY ("instanceId","sequence","occurredAt")
) PARTITION BY RANGE ("occurredAt");

-- CreateTable
CREATE TABLE "EventSeal" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "position" BIGINT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "transactionId" BIGINT NOT NULL,
    "eventId" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "sealedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "EventSeal_pkey" PRIMARY KEY ("instanceId","position")
);

-- CreateTable
CREATE TABLE "EventChainHead" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "position" BIGINT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "transactionId" BIGINT NOT NULL,
    "hash" TEXT NOT NULL,
    "signature" TEXT NOT NULL,
    "sealedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "EventChainHead_pkey" PRIMARY KEY ("instanceId")
);

-- CreateTable
CREATE TABLE "EventCursor" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "reader" TEXT NOT NULL,
    "transactionId" BIGINT NOT NULL,
    "sequence" BIGINT NOT NULL,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "EventCursor_pkey" PRIMARY KEY ("instanceId","reader")
);

-- CreateTable
CREATE TABLE "User" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "username" TEXT NOT NULL,
    "usernameKey" TEXT NOT NULL,
    "displayName" TEXT NOT NULL,
    "givenName" TEXT,
    "familyName" TEXT,
    "email" TEXT,
    "emailKey" TEXT,
    "emailVerified" BOOLEAN NOT NULL DEFAULT false,
    "phone" TEXT,
    "phoneVerified" BOOLEAN NOT NULL DEFAULT false,
    "locale" TEXT,
    "timeZone" TEXT,
    "externalId" TEXT,
    "status" TEXT NOT NULL DEFAULT 'enabled',
    "expiresAt" TIMESTAMPTZ(3),
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastSignInAt" TIMESTAMPTZ(3),

    CONSTRAINT "User_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "AdministratorAssignment" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "userId" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "AdministratorAssignment_pkey" PRIMARY KEY ("instanceId","userId","role")
);

-- CreateTable
CREATE TABLE "Application" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "kind" TEXT NOT NULL,
    "protocol" TEXT NOT NULL DEFAULT 'oidc',
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "firstParty" BOOLEAN NOT NULL DEFAULT false,
    "builtIn" BOOLEAN NOT NULL DEFAULT false,
    "homepageUri" TEXT,
    "settings" JSONB NOT NULL DEFAULT '{}',
    "rateLimitPerSecond" INTEGER,
    "rateLimitBurst" INTEGER,
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Application_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "ClientSecret" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "applicationId" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "sealedSecret" TEXT,
    "hint" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3),

    CONSTRAINT "ClientSecret_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "ResourceServer" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "identifier" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "scopes" JSONB NOT NULL DEFAULT '[]',
    "accessTokenSeconds" INTEGER NOT NULL DEFAULT 1200,
    "tokenFormat" TEXT NOT NULL DEFAULT 'jwt',
    "signingAlgorithm" TEXT NOT NULL DEFAULT 'ES256',
    "builtIn" BOOLEAN NOT NULL DEFAULT false,
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ResourceServer_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "ApplicationResource" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "applicationId" TEXT NOT NULL,
    "resourceServerId" TEXT NOT NULL,
    "scopes" TEXT[],
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "ApplicationResource_pkey" PRIMARY KEY ("instanceId","applicationId","resourceServerId")
);

-- CreateTable
CREATE TABLE "Consent" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "userId" TEXT NOT NULL,
    "applicationId" TEXT NOT NULL,
    "scopes" TEXT[],
    "claims" TEXT[],
    "resources" JSONB NOT NULL DEFAULT '{}',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Consent_pkey" PRIMARY KEY ("instanceId","userId","applicationId")
);

-- CreateTable
CREATE TABLE "Password" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "userId" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "history" TEXT[],
    "mustChange" BOOLEAN NOT NULL DEFAULT false,
    "changedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Password_pkey" PRIMARY KEY ("instanceId","userId")
);

-- CreateTable
CREATE TABLE "Flow" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'active',
    "version" INTEGER NOT NULL DEFAULT 1,
    "busyToken" TEXT,
    "busyUntil" TIMESTAMPTZ(3),
    "attemptsLeft" INTEGER NOT NULL DEFAULT 10,
    "browserId" TEXT,
    "secretHash" TEXT,
    "applicationId" TEXT,
    "dpopJkt" TEXT,
    "originKind" TEXT NOT NULL,
    "originRef" TEXT NOT NULL,
    "request" JSONB NOT NULL DEFAULT '{}',
    "sealedIdentifier" TEXT,
    "userId" TEXT,
    "sourceId" TEXT,
    "proofs" JSONB NOT NULL DEFAULT '[]',
    "sealedPending" TEXT,
    "risk" JSONB,
    "hookResults" JSONB NOT NULL DEFAULT '{}',
    "notice" JSONB,
    "denial" JSONB,
    "answers" JSONB NOT NULL DEFAULT '{}',
    "sessionId" TEXT,
    "address" TEXT,
    "userAgent" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Flow_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "Challenge" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "flowId" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "method" TEXT NOT NULL,
    "credentialId" TEXT,
    "destinationHash" TEXT,
    "codeHash" TEXT NOT NULL,
    "attemptsLeft" INTEGER NOT NULL DEFAULT 5,
    "sends" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "consumedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Challenge_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "UsedProof" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "kind" TEXT NOT NULL,
    "hash" TEXT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "UsedProof_pkey" PRIMARY KEY ("instanceId","kind","hash")
);

-- CreateTable
CREATE TABLE "Browser" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "tokenHash" TEXT NOT NULL,
    "accounts" TEXT[],
    "firstSeenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastSeenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "Browser_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "KnownBrowser" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "userId" TEXT NOT NULL,
    "browserId" TEXT NOT NULL,
    "lastSignInAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "KnownBrowser_pkey" PRIMARY KEY ("instanceId","userId","browserId")
);

-- CreateTable
CREATE TABLE "Session" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "browserId" TEXT,
    "proofs" JSONB NOT NULL DEFAULT '[]',
    "authTime" TIMESTAMPTZ(3) NOT NULL,
    "remember" BOOLEAN NOT NULL DEFAULT false,
    "protocolState" JSONB,
    "idleExpiresAt" TIMESTAMPTZ(3) NOT NULL,
    "absoluteExpiresAt" TIMESTAMPTZ(3) NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "lastSeenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "endedAt" TIMESTAMPTZ(3),
    "endReason" TEXT,
    "address" TEXT,
    "userAgent" TEXT,

    CONSTRAINT "Session_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "SessionToken" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "hash" TEXT NOT NULL,
    "sessionId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "retiredAt" TIMESTAMPTZ(3),

    CONSTRAINT "SessionToken_pkey" PRIMARY KEY ("instanceId","hash")
);

-- CreateTable
CREATE TABLE "SessionParticipant" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "sessionId" TEXT NOT NULL,
    "applicationId" TEXT NOT NULL,
    "protocol" TEXT NOT NULL,
    "sid" TEXT,
    "sessionIndex" TEXT,
    "nameId" TEXT,
    "grantId" TEXT,
    "firstSeenAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "logoutState" TEXT NOT NULL DEFAULT 'none',
    "logoutAttempts" INTEGER NOT NULL DEFAULT 0,
    "logoutError" TEXT,
    "logoutDeliveredAt" TIMESTAMPTZ(3),

    CONSTRAINT "SessionParticipant_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "Throttle" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "kind" TEXT NOT NULL,
    "keyHash" TEXT NOT NULL,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "windowEndsAt" TIMESTAMPTZ(3) NOT NULL,
    "blockedUntil" TIMESTAMPTZ(3),

    CONSTRAINT "Throttle_pkey" PRIMARY KEY ("instanceId","kind","keyHash")
);

-- CreateTable
CREATE TABLE "SetupLink" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "tokenHash" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "consumedAt" TIMESTAMPTZ(3),

    CONSTRAINT "SetupLink_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "CrossSitePost" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "sealedBody" TEXT NOT NULL,
    "target" TEXT NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "consumedAt" TIMESTAMPTZ(3),

    CONSTRAINT "CrossSitePost_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "OidcRecord" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "model" TEXT NOT NULL,
    "id" TEXT NOT NULL,
    "payload" JSONB NOT NULL,
    "grantId" TEXT,
    "uid" TEXT,
    "userCode" TEXT,
    "userId" TEXT,
    "applicationId" TEXT,
    "expiresAt" TIMESTAMPTZ(3),
    "consumedAt" TIMESTAMPTZ(3),

    CONSTRAINT "OidcRecord_pkey" PRIMARY KEY ("instanceId","model","id")
);

-- CreateTable
CREATE TABLE "IdempotencyKey" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "principal" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "route" TEXT NOT NULL,
    "bodyHash" TEXT NOT NULL,
    "status" INTEGER,
    "sealedAnswer" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "IdempotencyKey_pkey" PRIMARY KEY ("instanceId","principal","key")
);

-- CreateIndex
CREATE UNIQUE INDEX "InstanceDomain_instanceId_hostname_key" ON "InstanceDomain"("instanceId", "hostname");

-- CreateIndex
CREATE INDEX "SigningKey_instanceId_status_idx" ON "SigningKey"("instanceId", "status");

-- CreateIndex
CREATE INDEX "Event_instanceId_id_idx" ON "Event"("instanceId", "id");

-- CreateIndex
CREATE INDEX "Event_instanceId_occurredAt_sequence_idx" ON "Event"("instanceId", "occurredAt", "sequence");

-- CreateIndex
CREATE INDEX "Event_instanceId_subjectId_sequence_idx" ON "Event"("instanceId", "subjectId", "sequence");

-- CreateIndex
CREATE INDEX "Event_instanceId_type_sequence_idx" ON "Event"("instanceId", "type", "sequence");

-- CreateIndex
CREATE INDEX "Event_instanceId_transactionId_sequence_idx" ON "Event"("instanceId", "transactionId", "sequence");

-- CreateIndex
CREATE INDEX "Event_transactionId_sequence_idx" ON "Event"("transactionId", "sequence");

-- CreateIndex
CREATE INDEX "EventChainHead_transactionId_sequence_idx" ON "EventChainHead"("transactionId", "sequence");

-- CreateIndex
CREATE UNIQUE INDEX "EventSeal_instanceId_sequence_key" ON "EventSeal"("instanceId", "sequence");

-- CreateIndex
CREATE INDEX "User_instanceId_externalId_idx" ON "User"("instanceId", "externalId");

-- CreateIndex
CREATE UNIQUE INDEX "User_instanceId_usernameKey_key" ON "User"("instanceId", "usernameKey");

-- CreateIndex
CREATE UNIQUE INDEX "User_instanceId_emailKey_key" ON "User"("instanceId", "emailKey");

-- CreateIndex
CREATE UNIQUE INDEX "User_instanceId_phone_key" ON "User"("instanceId", "phone");

-- CreateIndex
CREATE UNIQUE INDEX "Application_instanceId_clientId_key" ON "Application"("instanceId", "clientId");

-- CreateIndex
CREATE INDEX "ClientSecret_instanceId_applicationId_idx" ON "ClientSecret"("instanceId", "applicationId");

-- CreateIndex
CREATE UNIQUE INDEX "ResourceServer_instanceId_identifier_key" ON "ResourceServer"("instanceId", "identifier");

-- CreateIndex
CREATE INDEX "Flow_instanceId_browserId_status_idx" ON "Flow"("instanceId", "browserId", "status");

-- CreateIndex
CREATE INDEX "Flow_expiresAt_idx" ON "Flow"("expiresAt");

-- CreateIndex
CREATE INDEX "Challenge_instanceId_flowId_idx" ON "Challenge"("instanceId", "flowId");

-- CreateIndex
CREATE INDEX "Challenge_expiresAt_idx" ON "Challenge"("expiresAt");

-- CreateIndex
CREATE INDEX "UsedProof_expiresAt_idx" ON "UsedProof"("expiresAt");

-- CreateIndex
CREATE INDEX "Browser_lastSeenAt_idx" ON "Browser"("lastSeenAt");

-- CreateIndex
CREATE UNIQUE INDEX "Browser_instanceId_tokenHash_key" ON "Browser"("instanceId", "tokenHash");

-- CreateIndex
CREATE INDEX "Session_instanceId_userId_createdAt_idx" ON "Session"("instanceId", "userId", "createdAt");

-- CreateIndex
CREATE INDEX "Session_absoluteExpiresAt_idx" ON "Session"("absoluteExpiresAt");

-- CreateIndex
CREATE INDEX "SessionToken_instanceId_sessionId_idx" ON "SessionToken"("instanceId", "sessionId");

-- CreateIndex
CREATE INDEX "SessionParticipant_instanceId_grantId_idx" ON "SessionParticipant"("instanceId", "grantId");

-- CreateIndex
CREATE UNIQUE INDEX "SessionParticipant_instanceId_sessionId_applicationId_proto_key" ON "SessionParticipant"("instanceId", "sessionId", "applicationId", "protocol");

-- CreateIndex
CREATE INDEX "Throttle_windowEndsAt_idx" ON "Throttle"("windowEndsAt");

-- CreateIndex
CREATE UNIQUE INDEX "SetupLink_instanceId_tokenHash_key" ON "SetupLink"("instanceId", "tokenHash");

-- CreateIndex
CREATE INDEX "CrossSitePost_expiresAt_idx" ON "CrossSitePost"("expiresAt");

-- CreateIndex
CREATE INDEX "OidcRecord_instanceId_grantId_idx" ON "OidcRecord"("instanceId", "grantId");

-- CreateIndex
CREATE INDEX "OidcRecord_expiresAt_idx" ON "OidcRecord"("expiresAt");

-- CreateIndex
CREATE INDEX "IdempotencyKey_expiresAt_idx" ON "IdempotencyKey"("expiresAt");

-- From here on by hand: what a Prisma schema cannot say (docs/decisions/0004-multi-tenancy.md).

-- A claim without proof keeps nobody else from a host name; a verified one does, over the whole server.
CREATE UNIQUE INDEX "InstanceDomain_verified_hostname_key" ON "InstanceDomain"("hostname") WHERE "status" = 'verified';

-- One live session per browser.
CREATE UNIQUE INDEX "Session_live_browser_key" ON "Session"("instanceId", "browserId") WHERE "endedAt" IS NULL;

-- Device codes are looked up by what the person typed.
CREATE UNIQUE INDEX "OidcRecord_userCode_key" ON "OidcRecord"("instanceId", "userCode") WHERE "userCode" IS NOT NULL;
CREATE INDEX "OidcRecord_uid_idx" ON "OidcRecord"("instanceId", "uid") WHERE "uid" IS NOT NULL;

-- What one actor did.
CREATE INDEX "Event_actor_idx" ON "Event"("instanceId", ("actor" ->> 'id'), "sequence");

-- Events: one partition a month; the job of the event log makes the next ones, the default one catches the rest.
CREATE TABLE "Event_default" PARTITION OF "Event" DEFAULT;

-- Second wall: a row refers only to rows of its own instance.
ALTER TABLE "InstanceDomain" ADD CONSTRAINT "InstanceDomain_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "InstanceImage" ADD CONSTRAINT "InstanceImage_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "SigningKey" ADD CONSTRAINT "SigningKey_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "EventChainHead" ADD CONSTRAINT "EventChainHead_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "EventCursor" ADD CONSTRAINT "EventCursor_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "User" ADD CONSTRAINT "User_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "Application" ADD CONSTRAINT "Application_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "ResourceServer" ADD CONSTRAINT "ResourceServer_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "Flow" ADD CONSTRAINT "Flow_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "Browser" ADD CONSTRAINT "Browser_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "IdempotencyKey" ADD CONSTRAINT "IdempotencyKey_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "CrossSitePost" ADD CONSTRAINT "CrossSitePost_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "AdministratorAssignment" ADD CONSTRAINT "AdministratorAssignment_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "Password" ADD CONSTRAINT "Password_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "Consent" ADD CONSTRAINT "Consent_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "Consent" ADD CONSTRAINT "Consent_applicationId_fkey" FOREIGN KEY ("instanceId", "applicationId") REFERENCES "Application"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "ClientSecret" ADD CONSTRAINT "ClientSecret_applicationId_fkey" FOREIGN KEY ("instanceId", "applicationId") REFERENCES "Application"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "ApplicationResource" ADD CONSTRAINT "ApplicationResource_applicationId_fkey" FOREIGN KEY ("instanceId", "applicationId") REFERENCES "Application"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "ApplicationResource" ADD CONSTRAINT "ApplicationResource_resourceServerId_fkey" FOREIGN KEY ("instanceId", "resourceServerId") REFERENCES "ResourceServer"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "Challenge" ADD CONSTRAINT "Challenge_flowId_fkey" FOREIGN KEY ("instanceId", "flowId") REFERENCES "Flow"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "KnownBrowser" ADD CONSTRAINT "KnownBrowser_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "KnownBrowser" ADD CONSTRAINT "KnownBrowser_browserId_fkey" FOREIGN KEY ("instanceId", "browserId") REFERENCES "Browser"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "Session" ADD CONSTRAINT "Session_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "SessionToken" ADD CONSTRAINT "SessionToken_sessionId_fkey" FOREIGN KEY ("instanceId", "sessionId") REFERENCES "Session"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "SessionParticipant" ADD CONSTRAINT "SessionParticipant_sessionId_fkey" FOREIGN KEY ("instanceId", "sessionId") REFERENCES "Session"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "SessionParticipant" ADD CONSTRAINT "SessionParticipant_applicationId_fkey" FOREIGN KEY ("instanceId", "applicationId") REFERENCES "Application"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "SetupLink" ADD CONSTRAINT "SetupLink_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "Flow" ADD CONSTRAINT "Flow_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "Flow" ADD CONSTRAINT "Flow_applicationId_fkey" FOREIGN KEY ("instanceId", "applicationId") REFERENCES "Application"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "Flow" ADD CONSTRAINT "Flow_browserId_fkey" FOREIGN KEY ("instanceId", "browserId") REFERENCES "Browser"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "Session" ADD CONSTRAINT "Session_browserId_fkey" FOREIGN KEY ("instanceId", "browserId") REFERENCES "Browser"("instanceId", "id") ON DELETE SET NULL ("browserId");

-- Tables that are written at every token or failed attempt do without the foreign key, not without an instance.
ALTER TABLE "Event" ADD CONSTRAINT "Event_instanceId_check" CHECK ("instanceId" <> '');
ALTER TABLE "EventSeal" ADD CONSTRAINT "EventSeal_instanceId_check" CHECK ("instanceId" <> '');
ALTER TABLE "UsedProof" ADD CONSTRAINT "UsedProof_instanceId_check" CHECK ("instanceId" <> '');
ALTER TABLE "Throttle" ADD CONSTRAINT "Throttle_instanceId_check" CHECK ("instanceId" <> '');
ALTER TABLE "OidcRecord" ADD CONSTRAINT "OidcRecord_instanceId_check" CHECK ("instanceId" <> '');

-- Third wall: no row moves to another instance.
CREATE FUNCTION "refuse_instance_move"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a row of "%" cannot move to another instance', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER "InstanceDomain_keep_instance" BEFORE UPDATE ON "InstanceDomain" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "InstanceImage_keep_instance" BEFORE UPDATE ON "InstanceImage" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "SigningKey_keep_instance" BEFORE UPDATE ON "SigningKey" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "EventChainHead_keep_instance" BEFORE UPDATE ON "EventChainHead" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "EventCursor_keep_instance" BEFORE UPDATE ON "EventCursor" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "User_keep_instance" BEFORE UPDATE ON "User" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "AdministratorAssignment_keep_instance" BEFORE UPDATE ON "AdministratorAssignment" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "Application_keep_instance" BEFORE UPDATE ON "Application" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "ClientSecret_keep_instance" BEFORE UPDATE ON "ClientSecret" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "ResourceServer_keep_instance" BEFORE UPDATE ON "ResourceServer" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "ApplicationResource_keep_instance" BEFORE UPDATE ON "ApplicationResource" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "Consent_keep_instance" BEFORE UPDATE ON "Consent" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "Password_keep_instance" BEFORE UPDATE ON "Password" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "Flow_keep_instance" BEFORE UPDATE ON "Flow" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "Challenge_keep_instance" BEFORE UPDATE ON "Challenge" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "Browser_keep_instance" BEFORE UPDATE ON "Browser" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "KnownBrowser_keep_instance" BEFORE UPDATE ON "KnownBrowser" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "Session_keep_instance" BEFORE UPDATE ON "Session" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "SessionToken_keep_instance" BEFORE UPDATE ON "SessionToken" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "SessionParticipant_keep_instance" BEFORE UPDATE ON "SessionParticipant" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "SetupLink_keep_instance" BEFORE UPDATE ON "SetupLink" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "CrossSitePost_keep_instance" BEFORE UPDATE ON "CrossSitePost" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "IdempotencyKey_keep_instance" BEFORE UPDATE ON "IdempotencyKey" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "Event_keep_instance" BEFORE UPDATE ON "Event" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "EventSeal_keep_instance" BEFORE UPDATE ON "EventSeal" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "UsedProof_keep_instance" BEFORE UPDATE ON "UsedProof" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "Throttle_keep_instance" BEFORE UPDATE ON "Throttle" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "OidcRecord_keep_instance" BEFORE UPDATE ON "OidcRecord" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();

-- The log is append-only, also for a mistake in our own code.
CREATE FUNCTION "refuse_event_change"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the event log is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER "Event_append_only" BEFORE UPDATE ON "Event" FOR EACH ROW EXECUTE FUNCTION "refuse_event_change"();
CREATE TRIGGER "EventSeal_append_only" BEFORE UPDATE ON "EventSeal" FOR EACH ROW EXECUTE FUNCTION "refuse_event_change"();
