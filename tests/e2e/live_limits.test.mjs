// The edges of live queries: limits, order between subscriptions, resume over stops and crashes, and broken WebSocket frames.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { Server, until } from '../harness/server.mjs';
import { Client, Replica } from '../harness/client.mjs';

let server;
let root;
let tables = 0;
before(async () => {
  server = await Server.start({ flags: ['--limits.auth_per_second', '1000', '--limits.subscriptions_per_connection', '20', '--limits.message_bytes', '65536'] });
  root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app');
});
after(() => server.close());

async function table(columns = 'id INT PRIMARY KEY, n INT') {
  const name = `app.l${++tables}`;
  await root.ok(`CREATE TABLE ${name} (${columns}) WITH (ACCESS_LEVEL='PUBLIC_WRITE')`);
  return name;
}

test('limits are errors that name themselves; the socket stays open', async () => {
  const t = await table();
  const live = await root.live();
  for (let i = 0; i < 25; i++) live.subscribe(`s${i}`, `SELECT * FROM ${t}`);
  await until(() => live.frames.filter((f) => f.type === 'subscription_ack').length === 20 && live.frames.filter((f) => f.type === 'error').length === 5, 'twenty acks and five errors');
  const error = live.frames.find((f) => f.type === 'error');
  assert.equal(error.code, 'RATE_LIMITED');
  assert.match(error.message, /subscriptions_per_connection/);
  live.send({ type: 'unsubscribe', subscription_id: 's0' });
  live.subscribe('fits', `SELECT * FROM ${t}`);
  await live.next((f) => f.subscription_id === 'fits' && f.type === 'subscription_ack', 'the ack after an unsubscribe');
  live.send(JSON.stringify({ type: 'ping', pad: 'x'.repeat(100_000) }));
  const large = await live.next((f) => f.type === 'error' && f.code === 'TOO_LARGE', 'TOO_LARGE');
  assert.match(large.message, /message_bytes/);
  live.send({ type: 'ping' });
  await live.next((f) => f.type === 'pong', 'pong');
  await live.close();
});

test('older names of fields, unknown fields, both forms of subscribe', async () => {
  const t = await table();
  await root.ok(`INSERT INTO ${t} VALUES (1, 1)`);
  const live = await root.live();
  live.send({ type: 'subscribe', subscription: { query_id: 'a', sql: `SELECT * FROM ${t}`, options: {}, colour: 'blue' }, extra: 1 });
  await live.ready('a');
  live.send({ type: 'subscribe', subscriptions: [{ id: 'b', sql: `SELECT * FROM ${t}`, options: { from_seq_id: live.of('a')[0].seq } }, { query_id: 'c', sql: `SELECT id FROM ${t}` }] });
  await live.next((f) => f.subscription_id === 'b' && f.type === 'subscription_ack', 'the ack of b');
  await live.next((f) => f.subscription_id === 'c' && f.type === 'subscription_ack', 'the ack of c');
  await root.ok(`INSERT INTO ${t} VALUES (2, 2)`);
  for (const id of ['a', 'b', 'c']) await live.count(id, 'change', 1);
  for (const broken of [{ type: 'subscribe' }, { type: 'subscribe', subscription: {} }, { type: 'subscribe', subscription: { id: 5, sql: 'SELECT 1' } }, { type: 'subscribe', subscription: { id: 'x' } }, { type: 'subscribe', subscription: { id: 'x', sql: `SELECT * FROM ${t}`, options: { batch_size: 'many' } } }, { type: 'subscribe', subscription: { id: 'x', sql: `SELECT * FROM ${t}`, options: { last_rows: -1 } } }, {}, [], 5]) {
    const errors = live.frames.filter((f) => f.type === 'error').length;
    live.send(broken);
    await until(() => live.frames.filter((f) => f.type === 'error').length > errors, `an error for ${JSON.stringify(broken)}`);
  }
  assert.ok(!live.closed);
  await live.close();
});

test('the live subscriptions of a connection to one table see commits in order, together', async () => {
  const t = await table();
  const live = await root.live();
  const ids = Array.from({ length: 10 }, (_, i) => `s${i}`);
  for (const [i, id] of ids.entries()) live.subscribe(id, `SELECT * FROM ${t} WHERE n % 10 >= ${i}`, {});
  for (const id of ids) await live.ready(id);
  await Promise.all(Array.from({ length: 40 }, (_, i) => root.ok(`INSERT INTO ${t} VALUES (${i}, ${i})`, undefined, { 'x-durability': 'wal' })));
  await live.count('s0', 'change', 40);
  await until(() => ids.every((id, i) => live.of(id).filter((f) => f.type === 'change').length === 4 * (10 - i)), 'every change');
  const order = live.frames.filter((f) => f.type === 'change').map((f) => BigInt(f.seq));
  assert.ok(order.every((seq, i) => i === 0 || seq >= order[i - 1]), 'seq never goes back on the connection');
  await live.close();
});

test('a resume goes on after SIGTERM and after kill -9, exactly', async () => {
  const t = await table();
  await root.ok(`INSERT INTO ${t} SELECT i, 0 FROM range(50) r(i)`);
  const replica = new Replica(['id']);
  let from = {};
  let missed = 1000;
  for (const how of ['restart', 'crash', 'restart']) {
    const live = await root.live();
    live.subscribe('s', `SELECT * FROM ${t}`, from);
    await live.next((f) => f.type === 'subscription_ack', 'the ack');
    await root.ok(`UPDATE ${t} SET n = n + 1 WHERE id < 10; DELETE FROM ${t} WHERE id = (SELECT max(id) FROM ${t})`);
    const expected = JSON.stringify((await root.rows(`SELECT id, n FROM ${t} ORDER BY id`)));
    let seen = 0;
    await until(() => {
      for (const frames = live.of('s'); seen < frames.length; seen++) replica.apply(frames[seen]);
      return JSON.stringify([...replica.rows.values()].sort((a, b) => a.id - b.id).map((row) => [row.id, row.n])) === expected;
    }, `the screen to be right before ${how}`);
    if (from.from) assert.ok(live.of('s').every((f) => f.type !== 'resync_required' && f.type !== 'initial_data_batch'), 'no resync');
    from = { from: replica.seq };
    live.socket.terminate();
    await root.ok(`INSERT INTO ${t} VALUES (${missed++}, 5)`);
    await server[how]();
    root = await Client.login(server);
  }
});

test('a snapshot larger than one batch while rows change: one point in time', async () => {
  const t = await table();
  await root.ok(`INSERT INTO ${t} SELECT i, 0 FROM range(3000) r(i)`);
  const stop = { now: false };
  const writer = (async () => { for (let i = 0; !stop.now; i++) await root.ok(`UPDATE ${t} SET n = ${i} WHERE id % 3 = ${i % 3}`, undefined, { 'x-durability': 'wal' }); })();
  for (let round = 0; round < 4; round++) {
    const live = await root.live();
    live.subscribe('s', `SELECT * FROM ${t}`, { batch_size: 1000 });
    const ack = await live.next((f) => f.type === 'subscription_ack', 'the ack');
    live.send({ type: 'next_batch', subscription_id: 's' });
    await live.ready('s');
    const rows = live.of('s').filter((f) => f.type === 'initial_data_batch').flatMap((f) => f.rows);
    assert.equal(rows.length, 3000);
    assert.ok(rows.every((row) => BigInt(row._seq) <= BigInt(ack.seq)), 'no row of the snapshot is newer than S');
    for (const k of [0, 1, 2]) assert.equal(new Set(rows.filter((row) => row.id % 3 === k).map((row) => row.n)).size, 1, 'half of a commit');
    await live.count('s', 'change', 2);
    assert.ok(BigInt(live.of('s').find((f) => f.type === 'change').seq) > 0n);
    const replica = new Replica(['id']);
    for (const frame of live.of('s')) replica.apply(frame);
    live.socket.terminate();
  }
  stop.now = true;
  await writer;
});

// A socket that is open and authenticated, spoken to in raw bytes.
async function rawSocket() {
  const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
  const state = { bytes: Buffer.alloc(0), closed: false };
  socket.on('data', (chunk) => { state.bytes = Buffer.concat([state.bytes, chunk]); });
  socket.on('close', () => { state.closed = true; });
  socket.on('error', () => {});
  socket.write(`GET /v1/ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${root.token}\r\n\r\n`);
  await until(() => state.bytes.includes('auth_success'), 'the upgrade');
  assert.match(state.bytes.toString('latin1'), /^HTTP\/1\.1 101 [\s\S]*s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
  state.bytes = Buffer.alloc(0);
  return { socket, state };
}

test('what breaks the WebSocket protocol closes with its code', async () => {
  const mask = Buffer.from([1, 2, 3, 4]);
  const masked = (body) => Buffer.from(body).map((b, i) => b ^ mask[i & 3]);
  const cases = {
    'unmasked frame': [Buffer.from([0x81, 0x02, 0x68, 0x69]), 1002],
    'reserved bit': [Buffer.concat([Buffer.from([0xc1, 0x82]), mask, masked('hi')]), 1002],
    'reserved opcode': [Buffer.concat([Buffer.from([0x83, 0x82]), mask, masked('hi')]), 1002],
    'length with the top bit set': [Buffer.concat([Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1]), mask]), 1002],
    'absurd length': [Buffer.concat([Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0]), mask]), 1009],
    'invalid UTF-8': [Buffer.concat([Buffer.from([0x81, 0x82]), mask, masked([0xc3, 0x28])]), 1007],
    'long ping': [Buffer.concat([Buffer.from([0x89, 0xfe, 0, 126]), mask, masked(Buffer.alloc(126))]), 1002],
    'fragmented ping': [Buffer.concat([Buffer.from([0x09, 0x80]), mask]), 1002],
    'continuation of nothing': [Buffer.concat([Buffer.from([0x80, 0x82]), mask, masked('hi')]), 1002],
  };
  for (const [name, [bytes, code]] of Object.entries(cases)) {
    const { socket, state } = await rawSocket();
    socket.write(bytes);
    await until(() => state.bytes.length >= 4 || state.closed, `a close for ${name}`);
    assert.equal(state.bytes[0], 0x88, `${name}: a close frame, got ${state.bytes.toString('hex')}`);
    assert.equal(state.bytes.readUInt16BE(2), code, name);
    await until(() => state.closed, `the end of the connection after ${name}`);
    socket.destroy();
  }
  // A fragmented message is one message; a ping in between is answered.
  const { socket, state } = await rawSocket();
  const text = '{"type":"ping"}';
  socket.write(Buffer.concat([Buffer.from([0x01, 0x80 | 5]), mask, masked(text.slice(0, 5)), Buffer.from([0x89, 0x81]), mask, masked('p'), Buffer.from([0x80, 0x80 | (text.length - 5)]), mask, masked(text.slice(5))]));
  await until(() => state.bytes.includes('"pong"'), 'the pong of the message');
  assert.ok(state.bytes.includes(Buffer.from([0x8a, 0x01, 0x70])), 'the pong of the frame');
  socket.destroy();
});

test('only allowed origins open a socket', async () => {
  const attempt = (origin) => new Promise((resolve) => {
    const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
    let got = '';
    socket.on('data', (chunk) => { got += chunk.toString('latin1'); if (got.includes('\r\n\r\n')) { socket.destroy(); resolve(got.slice(9, 12)); } });
    socket.on('error', () => resolve('error'));
    socket.write(`GET /v1/ws HTTP/1.1\r\nHost: x\r\n${origin ? `Origin: ${origin}\r\n` : ''}Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`);
  });
  assert.equal(await attempt(null), '101');
  assert.equal(await attempt('http://localhost:3000'), '101');
  assert.equal(await attempt('http://127.0.0.1:8080'), '101');
  assert.equal(await attempt('http://evil.example'), '403');
  assert.equal(await attempt('null'), '403');
  assert.equal(await attempt('http://localhost.evil.example'), '403');
});
