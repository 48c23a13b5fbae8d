import { describe, expect, it } from 'vitest';
import type { ApplicationKind } from './kinds.ts';
import { isRegisteredRedirectUri, rejectRedirectUri } from './redirect-uris.ts';

const isOwnAddress = (url: URL) => ['id.example.com', 'localhost:3000', '127.0.0.1:3000'].includes(url.host.replace(/\.$/, ''));
const reject = (uri: string, kind: ApplicationKind = 'web') => rejectRedirectUri(uri, { kind, isOwnAddress });

describe('redirect URIs that may be registered', () => {
  it.each<[ApplicationKind, string]>([
    ['web', 'https://app.example.com/callback'], ['web', 'https://app.example.com'], ['web', 'https://app.example.com/'], ['web', 'https://app.example.com?x=1'],
    ['web', 'https://app.example.com:8443/callback'], ['web', 'https://app.example.com:443/callback'], ['web', 'https://app.example.com/callback?tenant=a%20b'],
    ['web', 'https://app.example.com/a@b'], ['web', 'https://intranet/callback'], ['web', 'https://10.0.0.1/callback'], ['web', 'https://xn--bcher-kva.example/cb'],
    ['web', 'http://localhost:5000/callback'], ['browser', 'http://127.0.0.1:5173/'], ['native', 'http://[::1]:1234/callback'], ['native', 'http://localhost/callback'],
    ['native', 'http://127.0.0.1:3000/callback'], ['native', 'com.example.app:/callback'], ['native', 'com.example.app://callback'], ['native', 'https://app.example.com/callback'],
  ])('%s: %s', (kind, uri) => {
    expect(reject(uri, kind)).toBeUndefined();
  });
});

describe('redirect URIs that may not', () => {
  it.each<[string, string, ApplicationKind?]>([
    ['no URI', 'callback'], ['a relative reference', '/callback'], ['a network path', '//app.example.com/callback'], ['nothing', ''],
    ['a fragment', 'https://app.example.com/callback#a'], ['an empty fragment', 'https://app.example.com/callback#'],
    ['javascript:', 'javascript:alert(1)'], ['javascript: for a native application', 'javascript:alert(1)', 'native'], ['data:', 'data:text/html,x', 'native'],
    ['vbscript:', 'vbscript:x', 'native'], ['file:', 'file:///etc/passwd', 'native'], ['blob:', 'blob:https://app.example.com/1', 'native'], ['about:', 'about:blank', 'native'],
    ['ws:', 'ws://app.example.com/'], ['ftp:', 'ftp://app.example.com/'], ['a scheme without a dot', 'myapp:/callback', 'native'], ['intent:', 'intent://x#Intent;end', 'native'],
    ['a private-use scheme for a web application', 'com.example.app:/callback', 'web'], ['one for a browser application', 'com.example.app:/callback', 'browser'],
    ['plain http', 'http://app.example.com/callback'], ['plain http to a name that starts like loopback', 'http://localhost.example.com/', 'native'], ['plain http to 127.0.0.2', 'http://127.0.0.2/', 'native'],
    ['a user name', 'https://app.example.com@evil.example/'], ['a password', 'https://u:p@app.example.com/'], ['an empty user name', 'https://@app.example.com/'],
    ['https on the loopback interface of a native application', 'https://localhost/callback', 'native'],
    ['a wildcard', 'https://*.example.com/callback'],
    ['capitals in the host', 'https://App.example.com/callback'], ['capitals in the scheme', 'HTTPS://app.example.com/callback'], ['dot segments', 'https://app.example.com/a/../callback'],
    ['encoded dot segments', 'https://app.example.com/a/%2e%2e/callback'], ['backslashes', 'https:\\\\app.example.com\\callback'], ['one slash', 'https:/app.example.com/callback'],
    ['three slashes', 'https:///app.example.com/callback'], ['a space', ' https://app.example.com/callback'], ['a tab', 'https://app.example.com/call\tback'], ['a line break', 'https://app.example.com/\ncallback'],
    ['a NUL', 'https://app.example.com/\u0000'], ['letters beyond ASCII', 'https://äpp.example.com/'], ['an odd spelling of an address', 'https://0x7f.1/callback'], ['a port with a zero', 'https://app.example.com:0443/callback'],
    ['our public address', 'https://id.example.com/t/other/callback'], ['our public address with the root\'s dot', 'https://id.example.com./callback'], ['our own loopback address', 'http://localhost:3000/callback'],
    ['its numeric name', 'http://127.0.0.1:3000/callback', 'browser'],
  ])('%s', (_what, uri, kind) => {
    expect(reject(uri, kind)).toEqual(expect.any(String));
  });
});

describe('attacks oauth.redirect-exact: only the registered spelling passes', () => {
  const registered = ['https://app.example.com/callback?tenant=1'];
  it.each([
    'https://app.example.com/callback', 'https://app.example.com/callback?tenant=1&x=2', 'https://app.example.com/callback?tenant=11', 'https://app.example.com/callback?tenant=1#', 'https://app.example.com/callback?tenant=1#x',
    'https://app.example.com/callback/?tenant=1', 'https://app.example.com/callback/../callback?tenant=1', 'https://app.example.com/./callback?tenant=1', 'https://app.example.com/%63allback?tenant=1', 'https://app.example.com//callback?tenant=1',
    'https://app.example.com/Callback?tenant=1', 'https://APP.example.com/callback?tenant=1', 'HTTPS://app.example.com/callback?tenant=1', 'http://app.example.com/callback?tenant=1', 'https://app.example.com:443/callback?tenant=1',
    'https://app.example.com:8443/callback?tenant=1', 'https://app.example.com./callback?tenant=1', 'https://appXexample.com/callback?tenant=1', 'https://app.example.com.evil.example/callback?tenant=1', 'https://evil.example/https://app.example.com/callback?tenant=1',
    'https://app.example.com@evil.example/callback?tenant=1', 'https://user@app.example.com/callback?tenant=1', 'https://app.example.com\\@evil.example/callback?tenant=1', 'https:\\\\app.example.com/callback?tenant=1', 'https:/app.example.com/callback?tenant=1',
    ' https://app.example.com/callback?tenant=1', 'https://app.example.com/callback?tenant=1 ', 'https://app.example.com/call\tback?tenant=1', 'https://app.example.com/callback?tenant=1%00', 'https://app.example.com/callback?tenant=1\n', '//app.example.com/callback?tenant=1', 'javascript://app.example.com/callback?tenant=1', '',
  ])('%j does not', (presented) => {
    expect(isRegisteredRedirectUri({ kind: 'web' }, registered, presented)).toBe(false);
    expect(isRegisteredRedirectUri({ kind: 'native' }, registered, presented)).toBe(false);
  });

  it('the registered one does', () => {
    expect(isRegisteredRedirectUri({ kind: 'web' }, registered, 'https://app.example.com/callback?tenant=1')).toBe(true);
  });

  const loopback = ['http://127.0.0.1/callback', 'http://[::1]:8080/callback'];
  it.each(['http://127.0.0.1:54321/callback', 'http://127.0.0.1/callback', 'http://[::1]:1/callback', 'http://[::1]/callback'])('native: the loopback port is free: %s', (presented) => {
    expect(isRegisteredRedirectUri({ kind: 'native' }, loopback, presented)).toBe(true);
  });
  it.each([
    'http://127.0.0.1:54321/other', 'http://127.0.0.1:54321/callback?x=1', 'http://localhost:54321/callback', 'http://127.0.0.1:99999/callback', 'http://127.0.0.1:/callback', 'http://127.0.0.1:08/callback',
    'http://127.0.0.1:80@evil.example/callback', 'http://127.0.0.1.evil.example/callback', 'http://127.1:54321/callback', 'https://127.0.0.1:54321/callback', 'http://0.0.0.0:54321/callback', 'http://[::ffff:127.0.0.1]:1/callback', 'http://127.0.0.1:54321/callback#',
  ])('native: and nothing else: %s', (presented) => {
    expect(isRegisteredRedirectUri({ kind: 'native' }, loopback, presented)).toBe(false);
  });
  it.each<ApplicationKind>(['web', 'browser'])('%s: the loopback port is not free', (kind) => {
    expect(isRegisteredRedirectUri({ kind }, ['http://localhost:5000/cb'], 'http://localhost:5001/cb')).toBe(false);
  });
});
