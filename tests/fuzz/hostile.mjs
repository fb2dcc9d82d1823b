// Hostile clients against a running server: broken HTTP, broken WebSocket frames, odd JSON, and mutated SQL. The server must stay up, answer
// nothing with INTERNAL, and not grow.
//
//   node tests/fuzz/hostile.mjs [--seed 1] [--http 300] [--frames 300] [--json 300] [--sql 1500] [--verbose 1]
import { readFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Server, preset, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';
import { random, report } from '../harness/report.mjs';
import { statementsOf } from '../sql/records.mjs';
import { mutateBytes, mutateJson, mutateSql } from './mutate.mjs';

const args = Object.fromEntries(process.argv.slice(2).map((word, i, all) => (word.startsWith('--') ? [word.slice(2), all[i + 1]] : [])).filter((pair) => pair.length));
const seed = Number(args.seed ?? 1);
const here = path.dirname(fileURLToPath(import.meta.url));
const mostResidentMiB = 1200;

let server;
let root;
let passed = 0;
let failed = 0;
const fail = (what) => { failed++; console.log(`FAIL hostile seed ${seed}: ${what}`); };

async function start() {
  server = await Server.start({ flags: ['--limits.auth_per_second', '100000', '--memory', '512MiB'] });
  root = await Client.login(server);
  await root.ok("CREATE NAMESPACE app; CREATE USER TABLE app.t (id INT PRIMARY KEY, a INT, b TEXT, c DOUBLE, d DATE, j JSON); CREATE SHARED TABLE app.s (room TEXT, id BIGINT, v DECIMAL(10,2), at TIMESTAMP, PRIMARY KEY (room, id)) WITH (ACCESS_LEVEL = 'PUBLIC_WRITE')");
}

// True if it still answers; a dead server is reported with what was sent last, and replaced.
async function alive(what) {
  try {
    if (server.exit === null && (await root.value('SELECT 40 + 2')) === 42) return true;
  } catch (error) {
    if (server.exit === null) fail(`no answer after ${what}: ${error.message}`);
  }
  if (server.exit !== null) fail(`the server ended (${JSON.stringify(server.exit)}) after ${what}\n${server.story()}`);
  await server.kill();
  await server.close({ expectCrash: true });
  await start();
  return false;
}

const post = (place, body, token) => Buffer.from(`POST ${place} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${token ? `Authorization: Bearer ${token}\r\n` : ''}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
const upgrade = (token) => Buffer.from(`GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${token}\r\n\r\n`);

// Sends the pieces, ends the sending side and waits for the other end to close.
async function exchange(pieces, what) {
  const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
  let closed = false;
  let first = '';
  socket.on('data', (chunk) => { if (first.length < 400) first += chunk.toString('latin1'); });
  socket.on('close', () => { closed = true; });
  socket.on('error', () => { closed = true; });
  for (const piece of pieces) {
    if (closed) break;
    await new Promise((resolve) => { socket.write(piece, resolve); });
  }
  if (!closed) socket.end();
  await until(() => closed, `the end of a connection after ${what}`, 15_000).catch((error) => fail(error.message));
  socket.destroy();
  if (/^HTTP\/1\.1 500/.test(first)) fail(`${what}: ${first}`);
}

function cut(r, bytes) {
  if (r.below(2) || bytes.length < 3) return [bytes];
  const at = 1 + r.below(bytes.length - 1);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

async function http(r, count) {
  const sql = post('/v1/api/sql', '{"sql":"SELECT * FROM app.t WHERE id = $1","params":["7"],"namespace_id":"app"}', root.token);
  const bearer = `Host: x\r\nAuthorization: Bearer ${root.token}\r\n`;
  const corpus = [
    Buffer.from('GET /health HTTP/1.1\r\nHost: x\r\n\r\n'), sql, Buffer.concat([sql, sql]), upgrade(root.token),
    post('/v1/api/auth/login', '{"user":"nobody","password":"not the password"}'),
    post('/v1/api/auth/refresh', '{"refresh_token":"a.b.c"}'),
    Buffer.from(`POST /v1/api/sql HTTP/1.1\r\n${bearer}Transfer-Encoding: chunked\r\n\r\n10\r\n{"sql":"SELECT 1\r\n2\r\n"}\r\n0\r\n\r\n`),
    Buffer.from('OPTIONS /v1/api/sql HTTP/1.1\r\nHost: x\r\nOrigin: http://localhost:1\r\nAccess-Control-Request-Method: POST\r\n\r\n'),
    Buffer.from('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'),
    Buffer.from(`POST /v1/api/sql HTTP/1.1\r\n${bearer}Expect: 100-continue\r\nX-Durability: wal\r\nAccept: application/x-ndjson\r\nContent-Length: 18\r\n\r\n{"sql":"SELECT 1"}`),
  ];
  for (let i = 0; i < count; i += 8) {
    const batch = Array.from({ length: 8 }, () => mutateBytes(r, r.pick(corpus), corpus));
    await Promise.all(batch.map((bytes) => exchange(cut(r, bytes), `HTTP bytes ${JSON.stringify(bytes.toString('latin1').slice(0, 300))}`)));
    if (await alive(`one of these requests:\n${batch.map((b) => JSON.stringify(b.toString('latin1').slice(0, 500))).join('\n')}`)) passed += batch.length;
  }
}

// A client's frame: masked, as RFC 6455 asks.
function frame(r, payload, opcode = 1, fin = true) {
  const body = Buffer.from(payload);
  const head = [fin ? 0x80 | opcode : opcode];
  if (body.length < 126) head.push(0x80 | body.length);
  else if (body.length < 65536) head.push(0x80 | 126, body.length >> 8, body.length & 255);
  else head.push(0x80 | 127, 0, 0, 0, 0, body.length >>> 24, (body.length >> 16) & 255, (body.length >> 8) & 255, body.length & 255);
  const mask = Buffer.from([r.below(256), r.below(256), r.below(256), r.below(256)]);
  for (let i = 0; i < body.length; i++) body[i] ^= mask[i & 3];
  return Buffer.concat([Buffer.from(head), mask, body]);
}

const messages = (token) => [
  { type: 'authenticate', method: 'jwt', token, protocol: { serialization: 'json', compression: 'none' } },
  { type: 'subscribe', subscription: { id: 's1', sql: 'SELECT * FROM app.t WHERE id = $1', params: [5], options: { batch_size: 10, last_rows: 5 } } },
  { type: 'subscribe', subscription: { id: 's2', sql: 'SELECT room, id FROM app.s', options: { from: '1' } } },
  { type: 'subscribe', subscriptions: [{ query_id: 'a', sql: 'SELECT b || 1 AS x FROM app.t', options: {} }, { query_id: 'b', sql: 'SELECT * FROM app.s' }] },
  { type: 'next_batch', subscription_id: 's1' },
  { type: 'unsubscribe', subscription_id: 's2' },
  { type: 'ping' },
];

async function frames(r, count) {
  for (let i = 0; i < count; i += 8) {
    const batch = Array.from({ length: 8 }, () => {
      const list = Array.from({ length: 1 + r.below(6) }, () => {
        const text = JSON.stringify(r.below(3) ? mutateJson(r, r.pick(messages(root.token))) : r.pick(messages(root.token))) ?? 'null';
        const payload = r.below(4) ? text : mutateBytes(r, Buffer.from(text));
        const whole = frame(r, payload, r.below(6) ? 1 : r.below(16), r.below(8) !== 0);
        return r.below(4) ? whole : mutateBytes(r, whole);
      });
      return [upgrade(root.token), ...list, ...(r.below(2) ? [frame(r, Buffer.from([3, 232]), 8)] : [])];
    });
    await Promise.all(batch.map((pieces) => exchange(pieces, 'WebSocket frames')));
    if (await alive(`one of these frames:\n${batch.map((list) => list.slice(1).map((b) => b.toString('hex').slice(0, 400)).join(' ')).join('\n')}`)) passed += batch.length;
  }
}

async function bodies(r, count) {
  const places = [['/v1/api/sql', { sql: 'SELECT * FROM app.t WHERE id = $1 AND b = $2', params: ['7', null, 1.5, true, [1], 'x'], namespace_id: 'app' }],
    ['/v1/api/auth/login', { user: 'nobody', password: 'nothing at all' }], ['/v1/api/auth/refresh', { refresh_token: 'x' }],
    ['/v1/api/auth/setup', { user: 'x', password: 'long enough 123', root_password: 'long enough 456' }], ['/v1/api/auth/logout', {}]];
  for (let i = 0; i < count; i++) {
    const [place, body] = r.pick(places);
    const text = JSON.stringify(mutateJson(r, body)) ?? 'null';
    const headers = { 'content-type': 'application/json', ...(place.endsWith('sql') ? { authorization: `Bearer ${root.token}` } : {}) };
    const reply = await fetch(server.url + place, { method: 'POST', headers, body: text }).catch((error) => ({ status: 0, text: () => error.message }));
    const answer = await reply.text();
    if (reply.status >= 500 || reply.status === 0) fail(`${place} ${text.slice(0, 500)} → ${reply.status} ${answer.slice(0, 500)}`);
    else passed++;
    if (reply.status === 0) await alive(`${place} ${text.slice(0, 1000)}`);
  }
  await alive('odd JSON');
}

// Mutated statements of the suite, by an admin and by a user with no rights. A user that was dropped on the way is made again.
async function sql(r, count) {
  const corpus = statementsOf(path.join(here, '../sql/suite')).filter((text) => text.length < 2000 && !/range\(\d{6}/i.test(text));
  let people = [];
  const login = async () => {
    people = [await root.newUser(`dba${r.below(1e9)}`, 'dba'), await root.newUser(`plain${r.below(1e9)}`, 'user')];
    for (const p of people) p.namespace = 'app';
  };
  await login();
  const codes = new Map();
  for (let i = 0; i < count; i++) {
    const text = r.below(3) ? mutateSql(r, r.pick(corpus), corpus) : r.pick(corpus);
    const person = r.below(4) ? people[0] : people[1];
    const params = r.below(4) ? undefined : [r.pick([1, 'x', null, true, [1, 2], 1.5])];
    const reply = await person.request(text, params, { 'x-statement-timeout': '3000', 'x-durability': 'wal' }).catch((error) => ({ status: 0, body: error.message }));
    const code = reply.body?.error?.code ?? (reply.status === 200 ? 'ok' : `status ${reply.status}`);
    codes.set(code, (codes.get(code) ?? 0) + 1);
    if (args.verbose) console.log(code, JSON.stringify(text));
    if (code === 'INTERNAL' || code === 'STORAGE_UNAVAILABLE' || code.startsWith('status')) {
      fail(`${person.name}: ${JSON.stringify(text)} → ${JSON.stringify(reply.body).slice(0, 1500)}`);
      if (!(await alive(JSON.stringify(text)))) await login();
      continue;
    }
    if (code === 'UNAUTHENTICATED') await login();
    if (code === 'NAMESPACE_NOT_FOUND') await root.ok('CREATE NAMESPACE IF NOT EXISTS app');
    passed++;
  }
  console.log(`sql: ${[...codes].sort((a, b) => b[1] - a[1]).map(([code, n]) => `${code} ${n}`).join(', ')}`);
  if ((codes.get('ok') ?? 0) < count / 50) fail('hardly any mutated statement ran: the corpus is not what it should be');
}

const residentMiB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))[1]) / 1024;

await start();
try {
  for (const [name, run, count] of [['http', http, 300], ['frames', frames, 300], ['json', bodies, 300], ['sql', sql, 1500]]) {
    const before = Date.now();
    await run(random(seed * 31 + name.length), Number(args[name] ?? count));
    console.log(`hostile ${name}: ${Date.now() - before} ms, resident ${residentMiB().toFixed(0)} MiB`);
  }
  if (!['asan', 'tsan'].includes(preset) && residentMiB() > mostResidentMiB) fail(`resident ${residentMiB()} MiB`);
} catch (error) {
  fail(`${error.stack}\n${server.story()}`);
}
await server.close().catch((error) => fail(error.message));
report(passed, failed);
