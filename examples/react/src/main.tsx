import { Postern } from '@postern/browser';
import { StrictMode, useState, type ReactElement } from 'react';
import { createRoot } from 'react-dom/client';
import { SignIn } from './sign-in.tsx';
import './style.css';

const postern = new Postern({ issuer: import.meta.env.VITE_ISSUER, applicationId: import.meta.env.VITE_APPLICATION_ID, scope: 'openid profile',
  // What step.tsx can draw. For anything else the hosted pages go on.
  supports: ['password', 'otp_email', 'otp_sms', 'totp', 'webauthn', 'recovery_code', 'enrol_factor', 'change_password', 'consent', 'captcha', 'complete_profile', 'verify_email', 'verify_phone', 'register', 'recover'] });

function Application(): ReactElement {
  const [isSignedIn, setSignedIn] = useState(false);
  if (!isSignedIn) return <SignIn postern={postern} onDone={() => { setSignedIn(true); }} />;
  const leave = () => { setSignedIn(false); };
  const signOut = () => { postern.signOut().then(leave, leave); };
  return (
    <main>
      <h1>Welcome</h1>
      <p>You are signed in as <strong id="subject">{String(postern.user?.['sub'])}</strong>.</p>
      <button type="button" onClick={signOut}>Sign out</button>
    </main>
  );
}

const root = document.getElementById('root');
if (root) createRoot(root).render(<StrictMode><Application /></StrictMode>);
