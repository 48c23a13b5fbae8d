-- What is to end when a person takes their consent back.
CREATE INDEX "OidcRecord_consent_idx" ON "OidcRecord"("instanceId", "userId", "applicationId") WHERE "model" = 'Grant';
