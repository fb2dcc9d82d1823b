// Limits on who asks how often: logins of an address, statements of a user, guesses at a password; and lives of tokens.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Server, rootPassword, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

const post = async (server, path, body, headers = {}) => {
  const reply = await fetch(`${server.url}/v1/api/auth/${path}`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
  return { status: reply.status, body: await reply.json(), retry: reply.headers.get('retry-after') };
};
const login = (server, user, password) => post(server, 'login', { user, password });
const ahead = (seconds) => ({ KALAMDB_TEST_SECONDS_AHEAD: String(seconds) });
const generous = { flags: ['--limits.auth_per_second', '1000'] };
const minute = 60, day = 86400;

function checkRetryAfter(retry, most) {
  assert.match(retry ?? '(absent)', /^[1-9][0-9]*$/, 'Retry-After is a whole number of seconds, at least one');
  assert.ok(Number(retry) <= most, `Retry-After: ${retry}`);
}

test('logins of an address: the burst, then 429 with Retry-After, then again', async () => {
  const server = await Server.start({ flags: ['--limits.auth_per_second', '2'] });
  // Without a password: no hashing, so that all of them come within the burst's second.
  const incomplete = () => Promise.all(Array.from({ length: 12 }, () => post(server, 'login', { user: 'root' })));
  const replies = await incomplete();
  const allowed = replies.filter(({ status }) => status === 400).length;
  const refused = replies.filter(({ status }) => status === 429);
  assert.ok(allowed >= 5 && refused.length >= 1, JSON.stringify(replies.map(({ status }) => status)));
  assert.equal(allowed + refused.length, 12);
  for (const { body, retry } of refused) {
    assert.equal(body.code, 'RATE_LIMITED');
    assert.equal(body.error, 'rate_limited');
    checkRetryAfter(retry, 1);
  }
  const { body } = await until(async () => { const reply = await login(server, 'root', rootPassword); return reply.status === 200 && reply; }, 'a login after the wait');
  // Refreshing and Basic are logins, too.
  const others = await Promise.all(Array.from({ length: 12 }, () => post(server, 'refresh', { refresh_token: body.access_token })));
  assert.ok(others.some(({ status }) => status === 429), JSON.stringify(others.map(({ status }) => status)));
  const basic = await Promise.all(Array.from({ length: 12 }, (_, i) => fetch(`${server.url}/v1/api/sql`, { method: 'POST', headers: { authorization: `Basic ${Buffer.from(`ghost:wrong ${i}`).toString('base64')}` }, body: '{"sql":"SELECT 1"}' })));
  const slow = basic.find(({ status }) => status === 429);
  assert.ok(slow, JSON.stringify(basic.map(({ status }) => status)));
  checkRetryAfter(slow.headers.get('retry-after'), 1);
  // A token is not a login: it is not limited.
  const client = new Client(server, body.access_token, 'root');
  for (let i = 0; i < 50; i++) await client.ok('SELECT 1');
  assert.ok(Number(await client.value("SELECT rejections FROM system.limits WHERE name = 'limits.auth_per_second'")) >= refused.length);
  const text = await (await fetch(`${server.url}/metrics`)).text();
  assert.ok(Number(/kalamdb_rate_limit_rejections_total\{limit="limits.auth_per_second"\} (\d+)/.exec(text)[1]) >= refused.length);
  await server.close();
});

test('statements of a user: each has their own, admins are limited alike, and nothing runs that was refused', async () => {
  const server = await Server.start({ flags: ['--limits.auth_per_second', '1000', '--limits.queries_per_second', '5'] });
  const root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app');
  await until(async () => (await root.request('CREATE TABLE app.t (id INT PRIMARY KEY)')).status === 200, 'the table');
  await until(async () => (await root.request("CREATE USER alice WITH PASSWORD 'pw-of-alice-0123456789' ROLE dba")).status === 200, 'alice');
  const alice = await Client.login(server, 'alice', 'pw-of-alice-0123456789');
  const replies = await Promise.all(Array.from({ length: 40 }, (_, i) => root.request(`INSERT INTO app.t VALUES (${i})`)));
  const done = replies.filter(({ status }) => status === 200).length;
  const refused = replies.filter(({ status }) => status === 429);
  assert.equal(done + refused.length, 40);
  assert.ok(done < 40 && refused.length > 0);
  for (const { body, headers } of refused) {
    assert.equal(body.error.code, 'RATE_LIMITED');
    assert.equal(body.error.sqlstate, '53400');
    assert.match(body.error.message, /limits\.queries_per_second/);
    checkRetryAfter(headers.get('retry-after'), 1);
  }
  assert.equal(await alice.value('SELECT count(*) FROM app.t'), String(done), 'what was refused did not run');
  await until(async () => (await root.request('SELECT 1')).status === 200, 'the next statement after the wait');
  await server.close();
});

test('guesses that come at once: five are answered, the account is locked for all others, known or not', async () => {
  const server = await Server.start(generous);
  const root = await Client.login(server);
  await root.ok("CREATE USER alice WITH PASSWORD 'pw-of-alice-0123456789' ROLE user");
  for (const name of ['alice', 'nobody']) {
    const replies = await Promise.all(Array.from({ length: 12 }, (_, i) => login(server, name, `guess number ${i}`)));
    const codes = replies.map(({ body }) => body.code ?? 'in');
    assert.equal(codes.filter((code) => code === 'UNAUTHENTICATED').length, 5, `${name}: ${codes}`);
    assert.equal(codes.filter((code) => code === 'ACCOUNT_LOCKED').length, 7, `${name}: ${codes}`);
  }
  const [alice, nobody] = [await login(server, 'alice', 'pw-of-alice-0123456789'), await login(server, 'nobody', 'whatever it was')];
  assert.deepEqual([alice.status, alice.body], [403, nobody.body]);
  const [[failures, locked]] = await root.rows("SELECT failed_login_attempts, locked_until > NOW()::TIMESTAMP FROM system.users WHERE user_id = 'alice'");
  assert.deepEqual([failures, locked], ['5', true]);
  assert.equal((await login(server, 'root', rootPassword)).status, 200, 'others come in');
  const basic = await fetch(`${server.url}/v1/api/sql`, { method: 'POST', headers: { authorization: `Basic ${Buffer.from('alice:pw-of-alice-0123456789').toString('base64')}` }, body: '{"sql":"SELECT 1"}' });
  assert.equal(basic.status, 403, 'Basic is no way around it');
  const text = await (await fetch(`${server.url}/metrics`)).text();
  for (const reason of ['credentials', 'locked']) assert.match(text, new RegExp(`kalamdb_auth_failures_total\\{reason="${reason}"\\} [1-9]`));
  await server.close();
});

test('a lock ends after 15 minutes, also over a restart; failures further apart do not add up', async () => {
  const server = await Server.start(generous);
  const root = await Client.login(server);
  await root.ok("CREATE USER alice WITH PASSWORD 'pw-of-alice-0123456789' ROLE user; CREATE USER bob WITH PASSWORD 'pw-of-bob-0123456789' ROLE user");
  for (let i = 0; i < 5; i++) assert.equal((await login(server, 'alice', 'wrong wrong')).status, 401);
  for (let i = 0; i < 4; i++) assert.equal((await login(server, 'bob', 'wrong wrong')).status, 401);
  await server.restart(ahead(14 * minute));
  const locked = await login(server, 'alice', 'pw-of-alice-0123456789');
  assert.equal(locked.status, 403);
  assert.match(locked.body.message, /1 minute/);
  await server.restart(ahead(16 * minute));
  assert.equal((await login(server, 'alice', 'wrong wrong')).status, 401, 'one wrong guess does not lock again');
  assert.equal((await login(server, 'alice', 'pw-of-alice-0123456789')).status, 200);
  for (let i = 0; i < 4; i++) assert.equal((await login(server, 'bob', 'wrong wrong')).status, 401);
  assert.equal((await login(server, 'bob', 'pw-of-bob-0123456789')).status, 200);
  await server.close();
});

test('an access token lives an hour, a refresh token seven days, both over restarts; none comes from the future', async () => {
  const server = await Server.start(generous);
  const { body: session } = await login(server, 'root', rootPassword);
  const access = (token) => new Client(server, token, 'root');
  await server.restart(ahead(59 * minute));
  await access(session.access_token).ok('SELECT 1');
  await server.restart(ahead(61 * minute));
  assert.equal((await access(session.access_token).error('SELECT 1', 'TOKEN_EXPIRED')).http, 401);
  const renewed = await post(server, 'refresh', { refresh_token: session.refresh_token });
  assert.equal(renewed.status, 200);
  await access(renewed.body.access_token).ok('SELECT 1');
  await server.restart(ahead(7 * day + 30 * minute));
  assert.equal((await post(server, 'refresh', { refresh_token: session.refresh_token })).status, 401, 'it was used');
  const last = await post(server, 'refresh', { refresh_token: renewed.body.refresh_token });
  assert.equal(last.status, 200, 'it is seven days younger than an hour');
  await server.restart(ahead(15 * day));
  const expired = await post(server, 'refresh', { refresh_token: last.body.refresh_token });
  assert.deepEqual([expired.status, expired.body.code], [401, 'TOKEN_EXPIRED']);
  const { body: future } = await login(server, 'root', rootPassword);
  await server.restart(ahead(0));
  await access(future.access_token).error('SELECT 1', 'UNAUTHENTICATED');
  await server.close();
});
