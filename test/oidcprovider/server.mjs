// The certified oidc-provider under TLS, as the end-to-end tests want it. Its
// settings come as JSON in the file that SETTINGS names:
//
//   issuer, port      where it is reached; the port is one of loopback
//   key, cert, ca     PEM texts: its own pair, and the authority of clients' certificates
//   clients           as oidc-provider takes them
//   jwks              the signing keys (a private JWK Set)
//   requirePushed, requireSigned   every client must push, sign its requests
//
// It says "listening" when it does. Its login page takes any name.
import { createServer } from 'node:https';
import { readFile } from 'node:fs/promises';
import { Provider, errors } from 'oidc-provider';

const line = await readFile(process.env.SETTINGS, 'utf8');
const settings = JSON.parse(line);

const shown = (ctx) => ctx.socket.getPeerX509Certificate();

const provider = new Provider(settings.issuer, {
  // By default it fetches nothing from loopback, where the gateway's keys are.
  fetch: (url, { dispatcher: _, ...options }) => globalThis.fetch(url, options),
  clients: settings.clients,
  jwks: settings.jwks,
  cookies: { keys: ['a key of a test'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.test` }) }),
  claims: { openid: ['sub'], email: ['email'] },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  ttl: { AccessToken: 600, AuthorizationCode: 60, IdToken: 600, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600 },
  enabledJWA: {
    clientAuthSigningAlgValues: ['HS256', 'HS384', 'HS512', 'RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA'],
    requestObjectSigningAlgValues: ['HS256', 'RS256', 'PS256', 'ES256'],
    authorizationSigningAlgValues: ['RS256', 'PS256', 'ES256'],
  },
  clientAuthMethods: [
    'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'private_key_jwt',
    'tls_client_auth', 'self_signed_tls_client_auth', 'none',
  ],
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    introspection: { enabled: true, allowedPolicy: () => true },
    jwtIntrospection: { enabled: true },
    jwtUserinfo: { enabled: true },
    encryption: { enabled: true },
    clientCredentials: { enabled: true },
    // One resource (RFC 8707), whose access tokens are JWTs for "orders".
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => {
        if (resource !== 'https://orders.test/api') throw new errors.InvalidTarget();
        return { scope: 'read', audience: 'orders', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
      },
    },
    rpInitiatedLogout: { enabled: true },
    jwtResponseModes: { enabled: true },
    pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: settings.requirePushed === true },
    requestObjects: { enabled: true, requireSignedRequestObject: settings.requireSigned === true },
    dPoP: { enabled: true },
    mTLS: {
      enabled: true,
      tlsClientAuth: true,
      selfSignedTlsClientAuth: true,
      certificateBoundAccessTokens: true,
      getCertificate: (ctx) => shown(ctx)?.toString(),
      certificateAuthorized: (ctx) => ctx.socket.authorized,
      certificateSubjectMatches: (ctx, property, expected) =>
        property === 'tls_client_auth_subject_dn' && shown(ctx)?.subject === expected,
    },
  },
});
for (const event of ['server_error', 'grant.error', 'authorization.error', 'pushed_authorization_request.error', 'revocation.error', 'introspection.error', 'userinfo.error']) {
  provider.on(event, (_, error) => console.error(event, error.error ?? '', error.error_description ?? error.stack, error.error_detail ?? ''));
}

const server = createServer(
  { key: settings.key, cert: settings.cert, ca: settings.ca, requestCert: true, rejectUnauthorized: false },
  provider.callback(),
);
server.listen(settings.port, '127.0.0.1', () => console.log('listening'));
