// Who may come in: login, refresh, logout, lockout, forged tokens, and what ends a session at once.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { Server, rootPassword, until } from '../harness/server.mjs';
import { Client, Live } from '../harness/client.mjs';

let server;
let root;
before(async () => {
  server = await Server.start({ flags: ['--limits.auth_per_second', '1000'] });
  root = await Client.login(server);
});
after(() => server.close());

const call = async (method, path, body, headers = {}) => {
  const reply = await fetch(`${server.url}/v1/api/auth/${path}`, { method, headers: { 'content-type': 'application/json', ...headers }, body: body === undefined ? undefined : JSON.stringify(body) });
  return { status: reply.status, body: await reply.json(), cookies: reply.headers.getSetCookie?.() ?? [reply.headers.get('set-cookie')] };
};
const bearer = (token) => ({ authorization: `Bearer ${token}` });

test('login answers tokens, user and cookies', async () => {
  const { status, body, cookies } = await call('POST', 'login', { user: 'root', password: rootPassword });
  assert.equal(status, 200);
  assert.equal(body.user.id, 'root');
  assert.equal(body.user.role, 'system');
  assert.ok(body.access_token && body.refresh_token && body.expires_at);
  assert.ok(cookies.join(';').includes('kalamdb_auth=') && cookies.join(';').includes('HttpOnly'));
  const me = await call('GET', 'me', undefined, bearer(body.access_token));
  assert.equal(me.status, 200);
  assert.equal((me.body.user ?? me.body).id, 'root');
});

test('a wrong password and an unknown user look alike', async () => {
  const wrong = await call('POST', 'login', { user: 'root', password: 'not the password' });
  const unknown = await call('POST', 'login', { user: 'nobody at all', password: 'not the password' });
  assert.equal(wrong.status, 401);
  assert.equal(wrong.body.code, 'UNAUTHENTICATED');
  assert.deepEqual(wrong.body, unknown.body);
  assert.equal((await call('POST', 'login', { user: 'root', password: rootPassword, extra: 1 })).status, 400);
  assert.equal((await call('POST', 'login', { user: 'root', password: rootPassword })).status, 200);
});

test('five failures lock the account, also for the right password', async () => {
  await root.newUser('lock');
  for (let i = 0; i < 5; i++) assert.equal((await call('POST', 'login', { user: 'lock', password: 'wrong wrong wrong' })).status, 401);
  const locked = await call('POST', 'login', { user: 'lock', password: 'pw-of-lock-0123456789' });
  assert.equal(locked.status, 403);
  assert.equal(locked.body.code, 'ACCOUNT_LOCKED');
});

test('a refresh token works once, and is no access token', async () => {
  const { body } = await call('POST', 'login', { user: 'root', password: rootPassword });
  const first = await call('POST', 'refresh', { refresh_token: body.refresh_token });
  assert.equal(first.status, 200);
  assert.equal((await call('POST', 'refresh', { refresh_token: body.refresh_token })).status, 401);
  assert.equal((await call('POST', 'refresh', { refresh_token: body.access_token })).status, 401);
  await new Client(server, first.body.refresh_token, 'x').error('SELECT 1', 'UNAUTHENTICATED');
});

test('forged tokens are refused', async () => {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const [header, payload, signature] = root.token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url'));
  const now = Math.floor(Date.now() / 1000);
  const sign = (h, p, key) => `${encode(h)}.${encode(p)}.${createHmac('sha256', key).update(`${encode(h)}.${encode(p)}`).digest('base64url')}`;
  const tries = [
    `${encode({ alg: 'none', typ: 'JWT' })}.${payload}.`,
    `${header}.${encode({ ...claims, sub: 'other' })}.${signature}`,
    `${header}.${encode({ ...claims, exp: now + 99999999 })}.${signature}`,
    sign({ alg: 'HS256', typ: 'JWT' }, claims, 'guess'),
    sign({ alg: 'HS256', typ: 'JWT' }, claims, ''),
    `${header}.${payload}.${signature.slice(0, -2)}`,
    `${header}.${payload}`,
    'nonsense',
    '',
  ];
  for (const token of tries) {
    const { status, body } = await new Client(server, token, 'x').request('SELECT 1');
    assert.equal(status, 401, token.slice(0, 50));
    assert.equal(body.error.code, 'UNAUTHENTICATED');
  }
});

test('logout, a changed password and a dropped user end sessions at once, on open sockets too', async () => {
  const gone = await root.newUser('gone');
  await gone.ok('SELECT 1');
  assert.equal((await call('POST', 'logout', undefined, bearer(gone.token))).status, 200);
  await gone.error('SELECT 1', 'UNAUTHENTICATED');

  const changed = await root.newUser('changed');
  await root.ok("ALTER USER changed SET PASSWORD 'another good one'");
  await changed.error('SELECT 1', 'UNAUTHENTICATED');

  const dropped = await root.newUser('dropped');
  const live = await dropped.live();
  await root.ok('DROP USER dropped');
  await dropped.error('SELECT 1', 'UNAUTHENTICATED');
  await until(() => live.closed, 'the socket of the dropped user to be closed');
  await root.ok("CREATE USER dropped WITH PASSWORD 'pw-of-dropped-0123456789' ROLE user");
  await dropped.error('SELECT 1', 'UNAUTHENTICATED');
});

test('passwords have rules, users have names of any kind and never meet', async () => {
  await root.error("CREATE USER weak WITH PASSWORD 'short' ROLE user", 'INVALID_PARAMETER');
  await root.error("CREATE USER weak WITH PASSWORD 'password123' ROLE user", 'INVALID_PARAMETER');
  await root.error("CREATE USER root WITH PASSWORD 'long enough 1' ROLE user", 'ALREADY_EXISTS');
  await root.ok('CREATE NAMESPACE names; CREATE USER TABLE names.t (id INT PRIMARY KEY, v TEXT)');
  const hostile = ["o'brien", '../../etc/passwd', 'a/b', 'ünïcode 名前', '%00', "'; DROP TABLE names.t; --", ' space ', 'A', 'a', 'x'.repeat(128)];
  const clients = [];
  for (const name of hostile) clients.push(await root.newUser(name));
  for (const [i, client] of clients.entries()) await client.ok('INSERT INTO names.t VALUES ($1, $2)', [i, hostile[i]]);
  await root.ok('STORAGE FLUSH TABLE names.t WAIT');
  for (const [i, client] of clients.entries()) assert.deepEqual(await client.rows('SELECT id, v, CURRENT_USER() FROM names.t'), [[i, hostile[i], hostile[i]]]);
});

test('tokens outlive a restart; setup is done once', async () => {
  await server.restart();
  await root.ok('SELECT 1');
  const status = await call('GET', 'status');
  assert.equal(status.body.needs_setup, false);
  const again = await call('POST', 'setup', { user: 'second', password: 'long enough 1', root_password: 'long enough 2' });
  assert.ok(again.status >= 400);
});

test('a socket authenticates by its first message, or is closed', async () => {
  const live = new Live(root);
  await live.open({ bearer: false });
  live.send({ type: 'authenticate', method: 'jwt', token: root.token });
  const success = await live.next((frame) => frame.type === 'auth_success', 'auth_success');
  assert.equal(success.user, 'root');
  assert.equal(success.role, 'system');
  await live.close();
  const bad = new Live(root);
  await bad.open({ bearer: false });
  bad.send({ type: 'authenticate', method: 'jwt', token: 'forged' });
  await until(() => bad.closed, 'the close after a forged token');
  assert.equal(bad.frames[0].type, 'auth_error');
  assert.equal(bad.closed.code, 4401);
  const silent = new Live(root);
  await silent.open({ bearer: false });
  await until(() => silent.closed, 'the close of a silent socket');
  assert.equal(silent.closed.code, 4401);
});
