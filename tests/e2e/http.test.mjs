// POST /v1/api/sql and the plain routes: shapes, parameters, headers, errors with positions, hostile bodies.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

let server;
let root;
before(async () => {
  server = await Server.start();
  root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app; CREATE TABLE app.t (id BIGINT PRIMARY KEY, n INT, s TEXT, d DOUBLE, at TIMESTAMP)');
});
after(() => server.close());

const post = (body, headers = {}) => fetch(`${server.url}/v1/api/sql`, { method: 'POST', headers: { authorization: `Bearer ${root.token}`, 'content-type': 'application/json', ...headers }, body });

// Bytes on a socket, and everything that comes back until it closes or `enough` says so.
async function raw(text, enough = () => false) {
  const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
  let got = '';
  let closed = false;
  socket.on('data', (chunk) => { got += chunk; });
  socket.on('close', () => { closed = true; });
  socket.on('error', () => { closed = true; });
  socket.write(text);
  await until(() => closed || enough(got), `an end of the reply; so far ${JSON.stringify(got.slice(0, 300))}`, 10_000);
  socket.destroy();
  return { got, closed };
}

test('the reply has the documented shape', async () => {
  const { status, body, headers } = await root.request("INSERT INTO app.t VALUES (1, 2, 'x', 0.1, '2024-01-01'); SELECT * FROM app.t", undefined, { 'x-request-id': 'my-id-1' });
  assert.equal(status, 200);
  assert.equal(headers.get('x-request-id'), 'my-id-1');
  assert.equal(body.status, 'success');
  assert.ok(typeof body.took === 'number');
  const [insert, select] = body.results;
  assert.deepEqual(insert, { row_count: 1, message: 'Inserted 1 row(s)', as_user: 'root' });
  assert.deepEqual(select.schema[0], { name: 'id', data_type: 'BigInt', index: 0, flags: ['pk', 'nn'] });
  assert.deepEqual(select.schema.map((c) => [c.name, c.data_type, c.index]), [['id', 'BigInt', 0], ['n', 'Int', 1], ['s', 'Text', 2], ['d', 'Double', 3], ['at', 'Timestamp', 4]]);
  assert.deepEqual(select.rows, [['1', 2, 'x', 0.1, 1704067200000000]]);
  assert.equal(select.row_count, 1);
  assert.equal(select.message, undefined);
});

test('parameters take the type the statement asks', async () => {
  await root.ok('INSERT INTO app.t VALUES ($1, $2, $3, $4, $5)', ['9007199254740993', 7, "it's", 'NaN', 1704067200000001]);
  assert.deepEqual(await root.rows('SELECT * FROM app.t WHERE id = $1', ['9007199254740993']), [['9007199254740993', 7, "it's", 'NaN', 1704067200000001]]);
  assert.deepEqual(await root.rows('SELECT s FROM app.t WHERE n = $1 AND s = $2', ['7', "it's"]), [["it's"]]);
  assert.deepEqual(await root.rows('SELECT $1, $2, $3', [1, 'x', null]), [['1', 'x', null]]);
  await root.error('SELECT $1 + $2', 'INVALID_PARAMETER', [1]);
  await root.error('SELECT $1', 'INVALID_PARAMETER', [1, 2]);
  await root.error('SELECT * FROM app.t WHERE id = $1', 'INVALID_PARAMETER', ['no number']);
  await root.error('INSERT INTO app.t (id, n) VALUES (50, $1)', 'INVALID_PARAMETER', [3000000000]);
});

test('errors carry code, status, sqlstate, position and statement', async () => {
  const error = await root.error('SELECT 1; SELECT * FROM app.nope', 'TABLE_NOT_FOUND');
  assert.equal(error.http, 404);
  assert.equal(error.sqlstate, '42P01');
  assert.equal(error.statement, 2);
  const syntax = await root.error('SELECT 1;\nSELEC 2', 'INVALID_SQL');
  assert.equal(syntax.http, 400);
  assert.ok(syntax.position >= 10 && syntax.position <= 18, `position ${syntax.position}`);
  const { body } = await root.request('SELECT 1 AS one; SELECT * FROM app.nope');
  assert.deepEqual(body.results[0].rows, [[1]]);
});

test('bodies that are no request are refused by name', async () => {
  const code = async (body, headers) => { const reply = await post(body, headers); return [reply.status, (await reply.json()).error.code]; };
  assert.deepEqual(await code('{'), [400, 'INVALID_PARAMETER']);
  assert.deepEqual(await code('[]'), [400, 'INVALID_PARAMETER']);
  assert.deepEqual(await code('{"sql": 5}'), [400, 'INVALID_PARAMETER']);
  assert.deepEqual(await code('{}'), [400, 'INVALID_PARAMETER']);
  assert.deepEqual(await code('{"sql": " ; -- nothing"}'), [400, 'EMPTY_SQL']);
  const unknown = await (await post('{"sql": "SELECT 1", "sqll": 1}')).json();
  assert.equal(unknown.error.code, 'INVALID_PARAMETER');
  assert.match(unknown.error.message, /sqll/);
  assert.deepEqual(await code('{"sql": "SELECT 1", "namespace_id": "nowhere"}'), [404, 'NAMESPACE_NOT_FOUND']);
  assert.deepEqual(await code(`{"sql":"SELECT 1","params":${'['.repeat(5000)}`), [400, 'INVALID_PARAMETER']);
});

test('headers with a value nobody knows are refused by name', async () => {
  for (const [name, value] of [['x-durability', 'maybe'], ['x-bytes', 'hex'], ['x-statement-timeout', '-5']]) {
    const error = await root.error('SELECT 1', 'INVALID_PARAMETER', undefined, { [name]: value });
    assert.match(error.message.toLowerCase(), new RegExp(name));
  }
  await root.ok('SELECT 1', undefined, { 'x-durability': 'wal' });
});

test('a statement that takes too long is ended, and the next one runs', async () => {
  const error = await root.error('SELECT count(*) FROM range(100000000) a(x), range(100000) b(y) WHERE (x * y) % 7 = 3', 'TIMEOUT', undefined, { 'x-statement-timeout': '200' });
  assert.equal(error.http, 408);
  assert.equal(await root.value('SELECT 1'), 1);
});

test('NDJSON streams schema, rows and a last line', async () => {
  const reply = await post(JSON.stringify({ sql: 'SELECT x FROM range(3000) t(x)' }), { accept: 'application/x-ndjson' });
  assert.equal(reply.status, 200);
  const lines = (await reply.text()).trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(lines[0].schema.map((c) => c.name), ['x']);
  assert.equal(lines.length, 3002);
  assert.deepEqual(lines[3000], ['2999']);
  assert.equal(lines[3001].row_count, 3000);
  const two = await post(JSON.stringify({ sql: 'SELECT 1; SELECT 2' }), { accept: 'application/x-ndjson' });
  assert.equal((await two.json()).error.code, 'INVALID_PARAMETER');
});

test('large results arrive whole', async () => {
  const rows = await root.rows("SELECT x, repeat('y', 100) FROM range(200000) t(x)");
  assert.equal(rows.length, 200000);
  assert.deepEqual(rows[199999], ['199999', 'y'.repeat(100)]);
});

test('routes, methods and health', async () => {
  for (const path of ['/health', '/healthz']) assert.equal((await (await fetch(server.url + path)).json()).status, 'healthy');
  const absent = await fetch(`${server.url}/v1/nothing`);
  assert.equal(absent.status, 404);
  assert.equal((await absent.json()).error.code, 'NOT_FOUND');
  const method = await fetch(`${server.url}/v1/api/sql`);
  assert.equal(method.status, 405);
  const nobody = await fetch(`${server.url}/v1/api/sql`, { method: 'POST', body: '{"sql":"SELECT 1"}' });
  assert.equal(nobody.status, 401);
  assert.equal((await nobody.json()).error.code, 'UNAUTHENTICATED');
});

test('CORS answers loopback origins and no others', async () => {
  const from = (origin) => fetch(`${server.url}/v1/api/sql`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
  assert.equal((await from('http://localhost:5173')).headers.get('access-control-allow-origin'), 'http://localhost:5173');
  assert.equal((await from('http://evil.example')).headers.get('access-control-allow-origin'), null);
});

test('malformed and dangerous framing is answered 4xx and closed', async () => {
  const host = 'Host: x\r\n';
  for (const request of [
    'NONSENSE\r\n\r\n',
    `POST /v1/api/sql HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    `GET /health HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`,
    `GET /health HTTP/1.1\r\n${host}${'x'.repeat(70_000)}: 1\r\n\r\n`,
    `GET /health HTTP/1.1\r\n${host}${Array.from({ length: 150 }, (_, i) => `h${i}: 1\r\n`).join('')}\r\n`,
  ]) {
    const { got, closed } = await raw(request);
    assert.ok(closed);
    assert.match(got, /^HTTP\/1\.1 4\d\d /, request.slice(0, 60));
  }
});

test('pipelined requests are answered in order', async () => {
  const one = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n';
  const count = (text) => text.split('HTTP/1.1 200').length - 1;
  const { got } = await raw(one.repeat(20), (text) => count(text) === 20);
  assert.equal(count(got), 20);
});

test('nothing of one request reaches the next one on its connection', async () => {
  const body = '{"sql":"SELECT CURRENT_USER()"}';
  const request = (headers) => `POST /v1/api/sql HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
  const logout = 'POST /v1/api/auth/logout HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}';
  const replies = (text) => text.split('HTTP/1.1 ').length - 1;
  const { got } = await raw(request(`Authorization: Bearer ${root.token}\r\nX-Bytes: array\r\nAccept: application/x-ndjson\r\nX-Request-Id: mine\r\n`) + request('') + logout, (text) => replies(text) === 3);
  const [, first, second] = got.split('HTTP/1.1 ');
  assert.match(first, /^200 [\s\S]*root/);
  assert.match(second, /^401 [\s\S]*UNAUTHENTICATED/);
  assert.doesNotMatch(second, /root|X-Request-Id: mine/);
  await root.ok('SELECT 1');
});

test('an over-long body is answered 413 so that the client sees it', async () => {
  const reply = await post(JSON.stringify({ sql: `SELECT '${'x'.repeat(40 << 20)}'` }));
  assert.equal(reply.status, 413);
  assert.equal((await reply.json()).error.code, 'TOO_LARGE');
});

test('BYTES come as base64, or as numbers where asked', async () => {
  assert.equal(await root.value("SELECT 'ab'::BLOB"), 'YWI=');
  assert.deepEqual(await root.value("SELECT 'ab'::BLOB", undefined, { 'x-bytes': 'array' }), [97, 98]);
});

test('the fast path and the planner give the same answer', async () => {
  await root.ok("INSERT INTO app.t VALUES (100, 1, 'a', 1.5, NULL), (101, 2, NULL, NULL, '2024-05-05')");
  const fast = await root.rows('SELECT * FROM app.t WHERE id = 101');
  const planned = await root.rows('SELECT * FROM app.t WHERE id + 0 = 101');
  assert.deepEqual(fast, planned);
  const before = await root.rows("SELECT hits + misses FROM system.cache_stats WHERE cache = 'plan'");
  await root.rows('SELECT s FROM app.t WHERE id = $1', [100]);
  const after = await root.rows("SELECT hits + misses FROM system.cache_stats WHERE cache = 'plan'");
  assert.ok(Number(after[0][0]) > Number(before[0][0]), 'the plan cache counted');
});

test('a body in a content coding is refused as such, not read as bad JSON', async () => {
  const body = gzipSync(JSON.stringify({ sql: 'SELECT 1' }));
  const reply = await post(body, { 'content-encoding': 'gzip' });
  assert.equal(reply.status, 415);
  assert.equal(reply.headers.get('accept-encoding'), 'identity');
  const { error } = await reply.json();
  assert.equal(error.code, 'UNSUPPORTED');
  assert.match(error.message, /gzip/);
  const login = await fetch(`${server.url}/v1/api/auth/login`, { method: 'POST', headers: { 'content-encoding': 'GZIP' }, body });
  assert.equal(login.status, 415);
  assert.equal((await login.json()).code, 'UNSUPPORTED');
  assert.equal((await post(JSON.stringify({ sql: 'SELECT 1' }), { 'content-encoding': 'identity' })).status, 200);
});

test('a value that does not fit is named with its column and its place', async () => {
  await root.ok('CREATE TABLE app.fit (id INT PRIMARY KEY, n INT NOT NULL, v VARCHAR(3), at TIMESTAMPTZ)');
  const place = async (sql, params) => {
    const error = await root.error(sql, params === undefined ? 'TYPE_MISMATCH' : 'INVALID_PARAMETER', params);
    assert.match(error.message, /column (id|n|v|at) of app\.fit/);
    return error.position === undefined ? undefined : sql.slice(error.position - 1);
  };
  assert.equal(await place("INSERT INTO app.fit (id, n) VALUES (1, 1), (2, 'zwölf')"), "'zwölf')");
  assert.equal(await place("SELECT 'ö'; INSERT INTO app.fit (id, n, v) VALUES (1, 1, 'abc'), (2, 2, 'abcd')"), "'abcd')");
  await root.ok('INSERT INTO app.fit VALUES (1, 1, NULL, NULL)');
  assert.equal(await place("UPDATE app.fit SET v = 'abcd' WHERE id = 1"), "'abcd' WHERE id = 1");
  assert.equal(await place("UPDATE app.fit SET v = 'abcd' WHERE n = 1"), "'abcd' WHERE n = 1");
  const null_ = 'INSERT INTO app.fit (id, n) VALUES (5, 5), (6, NULL)';
  const error = await root.error(null_, 'NOT_NULL_VIOLATION');
  assert.equal(null_.slice(error.position - 1), 'NULL)');
  await place('INSERT INTO app.fit (id, n) VALUES (9, $1)', ['x']);
  await place('UPDATE app.fit SET n = $1 WHERE id = 1', ['x']);
  await place('UPDATE app.fit SET n = $1', [3000000000]);
});

test('a parameter takes a time zone by name, as a literal does', async () => {
  const time = '2024-07-01 10:00:00 Europe/Berlin';
  const micros = 1719820800000000;
  assert.equal(await root.value(`SELECT TIMESTAMPTZ '${time}'`), micros);
  assert.equal(await root.value('SELECT $1::TIMESTAMPTZ', [time]), micros);
  await root.ok('CREATE TABLE app.zones (id INT PRIMARY KEY, at TIMESTAMPTZ)');
  assert.deepEqual(await root.rows('INSERT INTO app.zones VALUES (1, $1) RETURNING at', [time]), [[micros]]);
  assert.deepEqual(await root.rows('UPDATE app.zones SET at = $1 WHERE id = 1 RETURNING at', [time]), [[micros]]);
  assert.deepEqual(await root.rows('SELECT id FROM app.zones WHERE at = $1', [time]), [[1]]);
  const live = await root.live();
  live.subscribe('s', 'SELECT id FROM app.zones WHERE at = $1', {}, [time]);
  await live.ready('s');
  assert.deepEqual(live.of('s').flatMap((f) => f.rows ?? []).map((row) => row.id), [1]);
  await live.close();
  for (const wrong of ['2024-07-01 10:00:00 Nowhere/Berlin', 'yesterday']) {
    const error = await root.error('INSERT INTO app.zones VALUES (2, $1)', 'INVALID_PARAMETER', [wrong]);
    assert.match(error.message, /parameter \$1: value '.*' does not fit type TIMESTAMPTZ of column at of app\.zones/);
    assert.match(error.hint, /name of a time zone/);
  }
  assert.match((await root.error("INSERT INTO app.zones VALUES (2, 'yesterday')", 'TYPE_MISMATCH')).hint, /name of a time zone/);
});

test('parameters within RETURNING, on every way a statement takes', async () => {
  await root.ok('CREATE TABLE app.ret (id INT PRIMARY KEY, n INT)');
  assert.deepEqual(await root.rows('INSERT INTO app.ret VALUES (1, 2) RETURNING $1', ['x']), [['x']]);
  assert.deepEqual(await root.rows('INSERT INTO app.ret VALUES ($1, $2) RETURNING id + $2, $3', [2, 5, true]), [[7, true]]);
  assert.deepEqual(await root.rows('UPDATE app.ret SET n = n + $1 WHERE id = $2 RETURNING n * $1, _seq > $3', [3, 2, 0]), [[24, true]]);
  assert.deepEqual(await root.rows('DELETE FROM app.ret WHERE n > $1 RETURNING id', [7]), [[2]]);
  const [result] = await root.ok('UPDATE app.ret SET n = 1 RETURNING id, id + $1, _version + 1', [10]);
  assert.deepEqual(result.schema.map((c) => [c.name, c.flags]), [['id', ['pk', 'nn']], ['(id + $1)', undefined], ['(_version + 1)', undefined]]);
  await root.error('UPDATE app.ret SET n = 1 RETURNING $1', 'INVALID_PARAMETER', [1, 2]);
  // Named as a SELECT names them.
  for (const list of ['NULL, current_user, n + 1', '_seq > 0, id AS "Ä", n AS "ä"', 'ret, upper(current_user), _deleted', '$1, -id']) {
    const params = list.includes('$1') ? [1] : undefined;
    const names = async (sql) => (await root.ok(sql, params))[0].schema.map((c) => c.name);
    assert.deepEqual(await names(`UPDATE app.ret SET n = 1 RETURNING ${list}`), await names(`SELECT ${list} FROM app.ret`), list);
  }
});

test('nothing of the inside shows in names and plans', async () => {
  const [named] = await root.ok('SELECT (SELECT max(id) FROM app.t), EXISTS (SELECT * FROM app.t), 1 + (SELECT 2)');
  assert.deepEqual(named.schema.map((c) => c.name), ['(SELECT max(id) FROM app.t)', 'EXISTS(SELECT * FROM app.t)', '(1 + (SELECT 2))']);
  const [plan] = await root.ok('EXPLAIN UPDATE app.t SET n = n + 1');
  assert.doesNotMatch(JSON.stringify(plan), /_kalam|\\u000/);
});
