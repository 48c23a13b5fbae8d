/** What the account page can do, in one place. */
export { changeOwnPassword, confirmIdentity, enrolCredential, signInToAccount } from './flows.ts';
export { changeAddress, confirmAddress, viewAddressChanges } from './address.ts';
export { saveProfile, viewProfile } from './profile.ts';
export { removeCredential, renameCredential, viewSecurity } from './security.ts';
export { connectAccount, unlinkAccount } from './linked-accounts.ts';
export { endOtherSessions, endOwnSession, forgetOwnDevices, viewDevices } from './devices.ts';
export { listConsents, viewOwnApplications, withdrawConsent } from './applications.ts';
export { viewActivity } from './activity.ts';
export { downloadOwnData } from './data.ts';
