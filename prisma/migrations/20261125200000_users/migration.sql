-- AlterTable
ALTER TABLE "User" ADD COLUMN "phoneRegion" TEXT,
ADD COLUMN "description" TEXT,
ADD COLUMN "sourceType" TEXT NOT NULL DEFAULT 'built_in',
ADD COLUMN "sourceId" TEXT,
ADD COLUMN "customFields" JSONB NOT NULL DEFAULT '{}',
ADD COLUMN "recycledAt" TIMESTAMPTZ(3),
ADD COLUMN "erasesAt" TIMESTAMPTZ(3),
ADD COLUMN "statusBeforeRecycling" TEXT;

-- CreateTable
CREATE TABLE "CustomField" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "label" TEXT NOT NULL,
    "description" TEXT,
    "type" TEXT NOT NULL,
    "choices" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "required" BOOLEAN NOT NULL DEFAULT false,
    "isUnique" BOOLEAN NOT NULL DEFAULT false,
    "readOnly" BOOLEAN NOT NULL DEFAULT false,
    "visibleTo" TEXT NOT NULL DEFAULT 'administrators',
    "pattern" TEXT,
    "minLength" INTEGER,
    "maxLength" INTEGER,
    "position" INTEGER NOT NULL DEFAULT 0,
    "state" TEXT NOT NULL DEFAULT 'active',
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "CustomField_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateTable
CREATE TABLE "CustomFieldValue" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "fieldId" TEXT NOT NULL,
    "valueKey" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "isUnique" BOOLEAN NOT NULL DEFAULT false,

    CONSTRAINT "CustomFieldValue_pkey" PRIMARY KEY ("instanceId","fieldId","valueKey","userId")
);

-- CreateTable
CREATE TABLE "Invitation" (
    "instanceId" TEXT NOT NULL DEFAULT '',
    "id" TEXT NOT NULL,
    "userId" TEXT NOT NULL,
    "email" TEXT NOT NULL,
    "tokenHash" TEXT NOT NULL,
    "state" TEXT NOT NULL DEFAULT 'open',
    "sentCount" INTEGER NOT NULL DEFAULT 1,
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "acceptedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Invitation_pkey" PRIMARY KEY ("instanceId","id")
);

-- CreateIndex
CREATE INDEX "User_instanceId_displayName_id_idx" ON "User"("instanceId", "displayName", "id");

-- CreateIndex
CREATE INDEX "User_instanceId_status_id_idx" ON "User"("instanceId", "status", "id");

-- CreateIndex
CREATE INDEX "User_instanceId_sourceType_sourceId_id_idx" ON "User"("instanceId", "sourceType", "sourceId", "id");

-- CreateIndex
CREATE UNIQUE INDEX "CustomField_instanceId_key_key" ON "CustomField"("instanceId", "key");

-- CreateIndex
CREATE INDEX "CustomFieldValue_instanceId_userId_fieldId_idx" ON "CustomFieldValue"("instanceId", "userId", "fieldId");

-- CreateIndex
CREATE UNIQUE INDEX "Invitation_instanceId_tokenHash_key" ON "Invitation"("instanceId", "tokenHash");

-- CreateIndex
CREATE INDEX "Invitation_instanceId_userId_idx" ON "Invitation"("instanceId", "userId");

-- From here on by hand: what a Prisma schema cannot say.

-- Search. Text is folded so that trigrams see all of it whatever the locale of the database: accents of Latin letters go,
-- and what is not ASCII then stands as its code point between bars. A substring of the text is one of the folded text.
CREATE FUNCTION "user_search_fold"("value" text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
BEGIN
  IF octet_length("value") = char_length("value") THEN RETURN lower("value"); END IF;
  "value" := lower(normalize(regexp_replace(normalize("value", NFKD), '[\u0300-\u036f]', '', 'g'), NFKC));
  RETURN (SELECT string_agg(CASE WHEN ascii("c") < 128 THEN "c" ELSE '|' || to_hex(ascii("c")) || '|' END, '' ORDER BY "place")
            FROM regexp_split_to_table("value", '') WITH ORDINALITY AS "characters"("c", "place"));
END $$;

-- The last character of an id is random (core/ids.ts): 32 parts of an instance of about equal size, in each a fair
-- sample of all. The part names its instance, so that the trigram index need not look the instance up: that list is as
-- long as the instance is large.
ALTER TABLE "User"
  ADD COLUMN "searchShard" TEXT COLLATE "C" NOT NULL GENERATED ALWAYS AS ("instanceId" || '/' || right("id", 1)) STORED,
  ADD COLUMN "displayNameKey" TEXT COLLATE "C" NOT NULL GENERATED ALWAYS AS ("user_search_fold"("displayName")) STORED,
  ADD COLUMN "searchText" TEXT COLLATE "C" NOT NULL GENERATED ALWAYS AS ("user_search_fold"(
    chr(10) || "username" || chr(10) || "displayName" || chr(10) || COALESCE("email", '') || chr(10) || COALESCE("phone", '') || chr(10))) STORED;

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gin;
CREATE INDEX "User_search_idx" ON "User" USING gin ("searchShard", "searchText" gin_trgm_ops);
-- The text lies in the index, so that reading a few thousand users touches a few dozen pages.
CREATE INDEX "User_search_order_idx" ON "User"("instanceId", "searchShard", "id") INCLUDE ("searchText") WHERE "recycledAt" IS NULL;

-- What starts with a text, in the order of bytes whatever the locale of the database.
CREATE INDEX "User_username_prefix_idx" ON "User"("instanceId", "usernameKey" COLLATE "C", "id");
CREATE INDEX "User_display_name_prefix_idx" ON "User"("instanceId", "displayNameKey", "id");
CREATE INDEX "User_email_prefix_idx" ON "User"("instanceId", "emailKey" COLLATE "C", "id") WHERE "emailKey" IS NOT NULL;
CREATE INDEX "User_phone_prefix_idx" ON "User"("instanceId", "phone" COLLATE "C", "id") WHERE "phone" IS NOT NULL;

-- The recycle list, and what is due.
CREATE INDEX "User_recycled_idx" ON "User"("instanceId", "erasesAt", "id") WHERE "recycledAt" IS NOT NULL;

-- One user for each value of a unique field, also under concurrency.
CREATE UNIQUE INDEX "CustomFieldValue_unique_key" ON "CustomFieldValue"("instanceId", "fieldId", "valueKey") WHERE "isUnique";

-- One open invitation for each account.
CREATE UNIQUE INDEX "Invitation_open_key" ON "Invitation"("instanceId", "userId") WHERE "state" = 'open';

-- Second wall: a row refers only to rows of its own instance.
ALTER TABLE "CustomField" ADD CONSTRAINT "CustomField_instanceId_fkey" FOREIGN KEY ("instanceId") REFERENCES "Instance"("id") ON DELETE RESTRICT;
ALTER TABLE "CustomFieldValue" ADD CONSTRAINT "CustomFieldValue_fieldId_fkey" FOREIGN KEY ("instanceId", "fieldId") REFERENCES "CustomField"("instanceId", "id") ON DELETE RESTRICT;
ALTER TABLE "CustomFieldValue" ADD CONSTRAINT "CustomFieldValue_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;
ALTER TABLE "Invitation" ADD CONSTRAINT "Invitation_userId_fkey" FOREIGN KEY ("instanceId", "userId") REFERENCES "User"("instanceId", "id") ON DELETE CASCADE;

-- Third wall: no row moves to another instance.
CREATE TRIGGER "CustomField_keep_instance" BEFORE UPDATE ON "CustomField" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "CustomFieldValue_keep_instance" BEFORE UPDATE ON "CustomFieldValue" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
CREATE TRIGGER "Invitation_keep_instance" BEFORE UPDATE ON "Invitation" FOR EACH ROW WHEN (OLD."instanceId" IS DISTINCT FROM NEW."instanceId") EXECUTE FUNCTION "refuse_instance_move"();
