// The WebSocket protocol sentence by sentence: who may speak, what a frame holds, how a subscription ends, what each limit answers.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

let server;
let root;
let tables = 0;
before(async () => {
  server = await Server.start({ flags: ['--limits.auth_per_second', '1000', '--limits.snapshot_bytes', '200000', '--limits.message_bytes', '4096'] });
  root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app');
});
after(() => server.close());

async function table(columns = 'id INT PRIMARY KEY, n INT, body TEXT', level = 'PUBLIC_WRITE') {
  const name = `app.p${++tables}`;
  await root.ok(`CREATE TABLE ${name} (${columns}) WITH (ACCESS_LEVEL='${level}')`);
  return name;
}

// A socket as it opens: what it was sent, how it ended.
async function open(headers = {}) {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/ws`, { headers });
  const state = { socket, frames: [], closed: null, failure: null };
  socket.on('message', (data) => state.frames.push(JSON.parse(data.toString())));
  socket.on('close', (code) => { state.closed = code; });
  socket.on('error', (error) => { state.failure = error.message; });
  await until(() => socket.readyState === WebSocket.OPEN || state.failure, 'the socket to open');
  return state;
}
const changes = (live, id) => live.of(id).filter((f) => f.type === 'change');
const rejections = async (limit) => Number(await root.value(`SELECT rejections FROM system.limits WHERE name = '${limit}'`));

test('who does not authenticate is told so and closed with 4401', async () => {
  assert.match((await open({ authorization: 'Bearer nonsense' })).failure, /401/);
  for (const first of ['{"type":"ping"}', '{', '{"type":"authenticate"}', '{"type":"authenticate","method":"basic","token":"x"}', '{"type":"authenticate","token":"x"}']) {
    const state = await open();
    state.socket.send(first);
    await until(() => state.closed, `the close after ${first}`);
    assert.equal(state.closed, 4401, first);
    assert.equal(state.frames[0].type, 'auth_error', first);
  }
  const silent = await open();
  const start = Date.now();
  await until(() => silent.closed, 'the close of a silent socket', 10_000);
  assert.equal(silent.closed, 4401);
  assert.ok(Date.now() - start > 2500, 'not before 3 s');
});

test('a message authenticates, and again with a new token; another user is refused', async () => {
  const state = await open();
  assert.equal(state.socket.extensions, '', 'nothing is negotiated that is not offered');
  state.socket.send(JSON.stringify({ type: 'authenticate', method: 'jwt', token: root.token, protocol: { serialization: 'json', compression: 'none' } }));
  await until(() => state.frames.length === 1, 'auth_success');
  assert.deepEqual(state.frames[0], { type: 'auth_success', user: 'root', role: 'system', protocol: { serialization: 'json', compression: 'none' } });
  state.socket.send(JSON.stringify({ type: 'authenticate', token: (await Client.login(server)).token }));
  await until(() => state.frames.length === 2, 'the second auth_success');
  const other = await root.newUser('somebody_else');
  state.socket.send(JSON.stringify({ type: 'authenticate', token: other.token }));
  await until(() => state.closed, 'the close');
  assert.equal(state.closed, 4401);
  assert.equal(state.frames[2].type, 'auth_error');
});

test('frames hold what they promise: keys, _seq, old values, net changes', async () => {
  const t = await table();
  const live = await root.live();
  live.subscribe('b', `SELECT body FROM ${t}`, {});
  live.subscribe('all', `SELECT * FROM ${t}`, null);
  await live.ready('b');
  await live.ready('all');
  const [ack, batch] = live.of('b');
  assert.deepEqual(ack, {
    type: 'subscription_ack', subscription_id: 'b', total_rows: 0,
    schema: [{ name: 'body', data_type: 'Text', index: 0 }, { name: 'id', data_type: 'Int', index: 1, flags: ['pk', 'nn'] }],
    schema_version: 1, seq: ack.seq, batch_control: { batch_num: 0, has_more: true, status: 'loading', last_seq_id: null },
  });
  assert.deepEqual(batch, { type: 'initial_data_batch', subscription_id: 'b', rows: [], batch_control: { batch_num: 0, has_more: false, status: 'ready', last_seq_id: ack.seq } });
  assert.deepEqual(live.of('all')[0].batch_control, { batch_num: 0, has_more: false, status: 'ready', last_seq_id: null });
  await root.ok(`INSERT INTO ${t} VALUES (5, 1, 'x'), (3, 2, NULL)`);
  await root.ok(`UPDATE ${t} SET n = 100 WHERE id = 3`);
  await root.ok(`UPDATE ${t} SET body = NULL WHERE id = 5`);
  await root.ok(`UPDATE ${t} SET id = 55 WHERE id = 5`);
  await root.ok(`DELETE FROM ${t} WHERE id = 3`);
  await live.count('b', 'change', 6);
  const [inserted, apart, nulled, gone, come, deleted] = changes(live, 'b');
  const first = inserted.seq;
  assert.deepEqual(inserted, { type: 'change', subscription_id: 'b', change_type: 'insert', rows: [{ body: null, id: 3, _seq: first }, { body: 'x', id: 5, _seq: first }], seq: first });
  assert.deepEqual([apart.rows, apart.old_values], [[{ body: null, id: 3, _seq: apart.seq }], [{ id: 3, _seq: first }]], 'no column of it changed, and it is told');
  assert.deepEqual([nulled.rows, nulled.old_values], [[{ body: null, id: 5, _seq: nulled.seq }], [{ body: 'x', id: 5, _seq: first }]]);
  assert.deepEqual([gone.change_type, gone.more, gone.rows, gone.old_values], ['delete', true, undefined, [{ body: null, id: 5, _seq: nulled.seq }]]);
  assert.deepEqual([come.change_type, come.rows], ['insert', [{ body: null, id: 55, _seq: come.seq }]]);
  assert.equal(BigInt(gone.seq), BigInt(come.seq) - 1n, 'a part is resumed from before its commit');
  assert.deepEqual(deleted.old_values, [{ body: null, id: 3, _seq: apart.seq }]);
  live.subscribe('again', `SELECT body FROM ${t}`, { from: gone.seq });
  await live.count('again', 'change', 3);
  assert.deepEqual(changes(live, 'again').map((f) => f.change_type), ['delete', 'insert', 'delete']);
  await live.close();
});

test('frames are of at most 1,000 rows and 1 MiB, but for one larger row', async () => {
  const t = await table('id INT PRIMARY KEY, body TEXT');
  const live = await root.live();
  live.subscribe('s', `SELECT * FROM ${t}`);
  await live.ready('s');
  await root.ok(`INSERT INTO ${t} SELECT i, 'b' FROM range(2500) r(i)`);
  await root.ok(`UPDATE ${t} SET body = repeat('y', 20000) WHERE id < 200`);
  await root.ok(`UPDATE ${t} SET body = repeat('z', 3000000) WHERE id = 7`);
  await until(() => changes(live, 's').filter((f) => !f.more).length === 3, 'three commits');
  const frames = changes(live, 's');
  assert.deepEqual(frames.slice(0, 3).map((f) => [f.rows.length, f.more]), [[1000, true], [1000, true], [500, undefined]]);
  const wide = frames.slice(3, -1);
  assert.ok(wide.length > 3 && wide.every((f) => JSON.stringify(f).length <= 1 << 20));
  assert.deepEqual(wide.flatMap((f) => f.rows.map((row) => row.id)), Array.from({ length: 200 }, (_, i) => i));
  assert.ok(wide.every((f) => f.rows.every((row) => row._seq === wide.at(-1).seq)), 'the rows\' _seq is the commit\'s');
  assert.equal(frames.at(-1).rows.length, 1);
  await live.close();
});

test('a snapshot above its limit, a predicate that fails in it: the error, the reason, and no batch after them', async () => {
  const t = await table();
  await root.ok(`INSERT INTO ${t} SELECT i, i, repeat('x', 1000) FROM range(1000) r(i)`);
  const live = await root.live();
  live.subscribe('big', `SELECT * FROM ${t}`, {});
  const large = await live.next((f) => f.type === 'error', 'TOO_LARGE');
  assert.equal(large.code, 'TOO_LARGE');
  assert.match(large.message, /limits\.snapshot_bytes/);
  assert.match(large.hint, /last_rows/);
  assert.equal(await rejections('limits.snapshot_bytes'), 1);
  live.subscribe('big', `SELECT * FROM ${t}`, { last_rows: 10 });
  await until(() => live.of('big').some((f) => f.batch_control?.status === 'ready'), 'the last rows');
  await root.ok(`UPDATE ${t} SET body = '1'; UPDATE ${t} SET body = 'no' WHERE id = 500`);
  live.subscribe('cast', `SELECT * FROM ${t} WHERE body::INT > 0`, {});
  const closed = await live.next((f) => f.type === 'subscription_closed', 'the end');
  assert.deepEqual([closed.subscription_id, closed.reason], ['cast', 'predicate_error']);
  assert.deepEqual(live.of('cast').map((f) => f.type).slice(-2), ['error', 'subscription_closed']);
  assert.ok(live.of('cast').every((f) => f.batch_control?.status !== 'ready'));
  await live.close();
});

test('messages above their limits are errors that are counted; far above, the socket closes with 1009', async () => {
  const live = await root.live();
  for (let i = 0; i < 6000; i++) live.send('{"type":"ping"}');
  await until(() => live.frames.length === 6001, 'an answer to each');
  const refused = live.frames.filter((f) => f.type === 'error');
  assert.ok(refused.length > 1000 && refused.every((f) => f.code === 'RATE_LIMITED' && /limits\.messages_per_second/.test(f.message)));
  assert.equal(await rejections('limits.messages_per_second'), refused.length);
  live.socket.send('x'.repeat(16 * 4096));
  await until(() => live.frames.at(-1).code === 'TOO_LARGE', 'TOO_LARGE');
  assert.equal(await rejections('limits.message_bytes'), 1);
  assert.equal(live.closed, null);
  live.socket.send('x'.repeat(16 * 4096 + 1));
  await until(() => live.closed, 'the close');
  assert.equal(live.closed.code, 1009);
});

test('unsubscribe in the middle of a snapshot: nothing more comes, and the id is free', async () => {
  const t = await table('id INT PRIMARY KEY');
  await root.ok(`INSERT INTO ${t} SELECT i FROM range(5000) r(i)`);
  const live = await root.live();
  live.subscribe('s', `SELECT * FROM ${t}`, { batch_size: 10 });
  await live.count('s', 'initial_data_batch', 2);
  live.send({ type: 'unsubscribe', subscription_id: 's' });
  for (let i = 0; i < 50; i++) live.send({ type: 'next_batch', subscription_id: 's' });
  live.send({ type: 'ping' });
  await live.next((f) => f.type === 'pong', 'pong');
  assert.equal(live.of('s').length, 3);
  live.subscribe('s', `SELECT * FROM ${t} WHERE id < 3`, {});
  await until(() => live.of('s').some((f) => f.batch_control?.status === 'ready'), 'the second snapshot');
  assert.deepEqual(live.of('s').at(-1).rows.map((row) => row.id), [0, 1, 2]);
  // Subscribed and unsubscribed at once, many times over: the server holds none of them in the end.
  for (let i = 0; i < 200; i++) {
    live.subscribe('r', `SELECT * FROM ${t}`, {});
    live.send({ type: 'unsubscribe', subscription_id: 'r' });
  }
  await until(async () => (await root.value('SELECT count(*) FROM system.live_queries')) === '1', 'one live query');
  await live.close();
});

test('DROP TABLE, DROP NAMESPACE and a changed user end what they concern, with the reason', async () => {
  const t = await table();
  const hidden = await table('id INT PRIMARY KEY', 'PRIVATE');
  await root.ok('CREATE NAMESPACE gone');
  await root.ok('CREATE TABLE gone.t (id INT PRIMARY KEY)');
  const live = await root.live();
  live.subscribe('t', `SELECT * FROM ${t}`, {});
  live.subscribe('n', 'SELECT * FROM gone.t', {});
  await live.ready('t');
  await live.ready('n');
  await root.ok(`DROP TABLE ${t}`);
  await root.ok('DROP NAMESPACE gone CASCADE');
  await until(() => live.frames.filter((f) => f.type === 'subscription_closed').length === 2, 'both ends');
  assert.ok(live.frames.filter((f) => f.type === 'subscription_closed').every((f) => f.reason === 'table_dropped'));
  const endings = {
    demoted: (name) => root.ok(`ALTER USER ${name} SET ROLE user`),
    dropped: (name) => root.ok(`DROP USER ${name}`),
    renewed: (name) => root.ok(`ALTER USER ${name} SET PASSWORD 'another-Pa55phrase-1'`),
    left: (name, client) => fetch(`${server.url}/v1/api/auth/logout`, { method: 'POST', headers: { authorization: `Bearer ${client.token}` } }),
  };
  for (const [name, change] of Object.entries(endings)) {
    const client = await root.newUser(name, 'service');
    const own = await client.live();
    own.subscribe('s', `SELECT * FROM ${hidden}`, {});
    await own.ready('s');
    await change(name, client);
    await until(() => own.closed, `the end of ${name}'s socket`);
    assert.equal(own.closed.code, 4401, name);
  }
  await live.close();
});

test('a point before the table was made is another table\'s: resync_required', async () => {
  const t = await table();
  await root.ok(`INSERT INTO ${t} VALUES (1, 1, 'of the old table')`);
  const live = await root.live();
  live.subscribe('s', `SELECT * FROM ${t}`, {});
  await live.ready('s');
  const from = live.of('s')[0].seq;
  await root.ok(`DROP TABLE ${t}`);
  await live.next((f) => f.type === 'subscription_closed', 'the end');
  await root.ok(`CREATE TABLE ${t} (id INT PRIMARY KEY, n INT) WITH (ACCESS_LEVEL='PUBLIC_WRITE')`);
  await root.ok(`INSERT INTO ${t} VALUES (2, 2)`);
  live.subscribe('again', `SELECT * FROM ${t}`, { from });
  await until(() => live.of('again').some((f) => f.batch_control?.status === 'ready' && f.rows), 'a new snapshot');
  const frames = live.of('again');
  assert.deepEqual(frames.map((f) => f.type), ['subscription_ack', 'resync_required', 'initial_data_batch']);
  assert.equal(frames[1].reason, 'unknown_sequence');
  assert.deepEqual(frames[2].rows.map((row) => row.id), [2]);
  await live.close();
});

test('a drain closes with 1001', async () => {
  const other = await Server.start();
  const live = await (await Client.login(other)).live();
  other.child.kill('SIGTERM');
  await until(() => live.closed, 'the close');
  assert.equal(live.closed.code, 1001);
  await other.close();
});
