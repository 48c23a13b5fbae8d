/**
 * Mutual TLS (RFC 8705) behind a proxy that ends TLS: the client's certificate comes in a header, off unless
 * MTLS_CERTIFICATE_HEADER names it, and only from a trusted proxy. `{header}-verify` must say SUCCESS where the
 * certificate's chain counts (tls_client_auth), as nginx' $ssl_client_verify does; a self-signed one is compared with
 * the application's own keys instead.
 */
import { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import ipaddr from 'ipaddr.js';
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { Config } from '../../config.ts';

/** The settings of the provider for certificates. */
export function mutualTls(config: Config): NonNullable<NonNullable<Configuration['features']>['mTLS']> {
  const { mtlsCertificateHeader: header } = config;
  if (header === undefined) return { enabled: false };
  return {
    enabled: true,
    certificateBoundAccessTokens: true,
    selfSignedTlsClientAuth: true,
    tlsClientAuth: true,
    getCertificate: (ctx: KoaContextWithOIDC) => readCertificate(ctx.req.headers, header),
    certificateAuthorized: (ctx: KoaContextWithOIDC) => ctx.req.headers[`${header}-verify`] === 'SUCCESS',
    certificateSubjectMatches: (ctx: KoaContextWithOIDC, property: string, expected: string) => {
      const certificate = readCertificate(ctx.req.headers, header);
      return property === 'tls_client_auth_subject_dn' && certificate !== undefined && isSameName(certificate.subject, expected);
    },
  };
}

/** Removes the certificate's headers unless a trusted proxy sent them: anybody can write a header. */
export function dropUntrustedCertificate(request: IncomingMessage, config: Config): void {
  const { mtlsCertificateHeader: header } = config;
  if (header === undefined || isTrustedProxy(request.socket.remoteAddress, config.trustedProxies)) return;
  delete request.headers[header];
  delete request.headers[`${header}-verify`];
}

function isTrustedProxy(address: string | undefined, proxies: readonly string[]): boolean {
  if (address === undefined || !ipaddr.isValid(address)) return false;
  const peer = ipaddr.process(address);
  return proxies.some((proxy) => {
    const range = proxy.includes('/') ? ipaddr.parseCIDR(proxy) : undefined;
    if (range) return peer.kind() === range[0].kind() && peer.match(range);
    return ipaddr.process(proxy).toString() === peer.toString();
  });
}

/** PEM with percent encoding (nginx), `:base64:` (RFC 9440), or base64 of DER; anything else, also two values, is none. */
function readCertificate(headers: IncomingHttpHeaders, header: string): X509Certificate | undefined {
  const value = headers[header];
  if (typeof value !== 'string' || value === '' || value.includes(',')) return undefined;
  try {
    const decoded = value.includes('%') ? decodeURIComponent(value) : value;
    const pem = /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/.exec(decoded);
    const base64 = pem?.[1] ?? /^:?([A-Za-z0-9+/=]+):?$/.exec(decoded)?.[1];
    return base64 === undefined ? undefined : new X509Certificate(Buffer.from(base64, 'base64'));
  } catch {
    return undefined;
  }
}

/** Compares Node's form of a subject (a line for each part, most general first) with RFC 4514 (most specific first). */
function isSameName(subject: string, expected: string): boolean {
  const parts = subject.split('\n');
  const given = expected.split(/(?<!\\),\s*/).map((part) => part.trim());
  return parts.length === given.length && parts.every((part, place) => part === given[given.length - 1 - place]);
}
