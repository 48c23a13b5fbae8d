/** Passkeys: signing in with one, making one. */
export const passkeys = {
  passkeyUse: 'Use a passkey',
  passkeyNotUsed: 'No passkey was used. Try again, or choose another way.',
  passkeyEnrolTitle: 'Passkey',
  passkeyEnrolText: 'Sign in with the fingerprint, face or PIN of your device, or with a security key. Nothing to remember, and nothing that a false page could take.',
  passkeyName: 'Name, so that you know it again (optional)',
  passkeyMake: 'Make a passkey',
  passkeyNotMade: 'No passkey was made. Perhaps this device has one for this account already.',
  passkeyScript: 'Passkeys need JavaScript, which is off in this browser.',
};

export const passkeyNotices = {
  'Passkey.Unknown': 'This passkey does not belong to an account here. It may have been removed. Choose another way to sign in.',
  'Passkey.Not.Made': 'The passkey could not be checked. Try again.',
  'Passkey.Exists': 'This passkey belongs to an account already.',
  'Passkey.Model.Not.Allowed': 'This kind of device or security key is not accepted here. Ask your administrator which are.',
  'Passkey.Not.Attested': 'Only security keys whose maker vouches for them are accepted here. Ask your administrator which are.',
};
