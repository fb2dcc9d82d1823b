// Live queries as a client sees them: order, resume, credit, limits, isolation under load, schema changes, hostile messages.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Server, patience, until } from '../harness/server.mjs';
import { Client, Replica } from '../harness/client.mjs';
import { random } from '../harness/report.mjs';

let server;
let root;
let tables = 0;
before(async () => {
  server = await Server.start({ flags: ['--limits.auth_per_second', '1000', '--limits.live_queue_bytes', '262144'] });
  root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app');
});
after(() => server.close());

async function table(columns = 'id INT PRIMARY KEY, room TEXT, n INT', kind = 'SHARED', options = "ACCESS_LEVEL='PUBLIC_WRITE'") {
  const name = `app.t${++tables}`;
  await root.ok(`CREATE ${kind} TABLE ${name} (${columns})${kind === 'SHARED' ? ` WITH (${options})` : ''}`);
  return name;
}

const code = async (live, id) => (await live.next((f) => f.type === 'error' && f.subscription_id === id, `an error of ${id}`)).code;

test('the snapshot comes by credit: two batches unasked, each next_batch one more', async () => {
  const t = await table();
  await root.ok(`INSERT INTO ${t} SELECT i, 'r', i FROM range(1000) x(i)`);
  const live = await root.live();
  live.subscribe('s', `SELECT * FROM ${t}`, { batch_size: 100 });
  await live.count('s', 'initial_data_batch', 2);
  await root.ok(`INSERT INTO ${t} VALUES (5000, 'r', 0)`);
  await root.rows('SELECT 1');
  assert.equal(live.of('s').filter((f) => f.type === 'initial_data_batch').length, 2);
  for (let i = 3; i <= 10; i++) {
    live.send({ type: 'next_batch', subscription_id: 's' });
    await live.count('s', 'initial_data_batch', i);
  }
  const batches = live.of('s').filter((f) => f.type === 'initial_data_batch');
  const [change] = await live.count('s', 'change', 1);
  assert.equal(change.rows[0].id, 5000);
  assert.deepEqual(batches.flatMap((b) => b.rows.map((row) => row.id)), Array.from({ length: 1000 }, (_, i) => i));
  const last = batches[batches.length - 1].batch_control;
  assert.equal(last.status, 'ready');
  assert.equal(last.has_more, false);
  assert.ok(batches.slice(0, -1).every((b) => b.batch_control.status === 'loading_batch' && b.batch_control.has_more));
  assert.ok(BigInt(change.seq) > BigInt(last.last_seq_id));
  await live.close();
});

test('no options: live only; last_rows: the newest by _seq; from: what was missed, deletes included', async () => {
  const t = await table();
  for (let i = 0; i < 5; i++) await root.ok(`INSERT INTO ${t} VALUES (${9 - i}, 'r', ${i})`);
  const live = await root.live();
  live.subscribe('none', `SELECT * FROM ${t}`);
  const ack = await live.next((f) => f.subscription_id === 'none', 'the ack');
  assert.equal(ack.batch_control.status, 'ready');
  assert.equal(ack.batch_control.has_more, false);
  live.subscribe('last', `SELECT id FROM ${t}`, { last_rows: 2 });
  await live.ready('last');
  const rows = live.of('last').filter((f) => f.type === 'initial_data_batch').flatMap((f) => f.rows);
  assert.deepEqual(rows.map((row) => row.id), [6, 5]);
  await root.ok(`DELETE FROM ${t} WHERE id = 9`);
  await root.ok(`UPDATE ${t} SET n = 100 WHERE id = 8`);
  await live.count('none', 'change', 2);
  live.subscribe('resume', `SELECT * FROM ${t}`, { from: ack.seq });
  const changes = await live.count('resume', 'change', 2);
  assert.deepEqual(changes.map((f) => f.change_type), ['delete', 'update']);
  assert.equal(live.of('resume').filter((f) => f.type === 'initial_data_batch').length, 0);
  assert.deepEqual(changes.map((f) => f.seq), live.of('none').filter((f) => f.type === 'change').map((f) => f.seq));
  await live.close();
});

test('a point of no history this server knows: resync_required and a new snapshot by itself', async () => {
  const t = await table();
  await root.ok(`INSERT INTO ${t} VALUES (1, 'r', 1)`);
  const live = await root.live();
  live.subscribe('s', `SELECT * FROM ${t}`, { from: '999999999999999999' });
  const resync = await live.next((f) => f.type === 'resync_required', 'resync_required');
  assert.equal(resync.reason, 'unknown_sequence');
  await live.next((f) => f.type === 'initial_data_batch' && f.batch_control.status === 'ready', 'the new snapshot');
  assert.deepEqual(live.of('s').filter((f) => f.type === 'initial_data_batch').flatMap((f) => f.rows.map((row) => row.id)), [1]);
  live.subscribe('bad', `SELECT * FROM ${t}`, { from: 'soon' });
  assert.equal(await code(live, 'bad'), 'INVALID_PARAMETER');
  await live.close();
});

test('one commit arrives as one frame a kind, in the documented order', async () => {
  const t = await table();
  await root.ok(`INSERT INTO ${t} VALUES (1, 'a', 1), (2, 'a', 2), (3, 'b', 3)`);
  const live = await root.live();
  live.subscribe('s', `SELECT * FROM ${t} WHERE room = 'a'`, {});
  await live.ready('s');
  await root.ok(`UPDATE ${t} SET room = CASE id WHEN 1 THEN 'b' WHEN 3 THEN 'a' ELSE room END, n = n + 10`);
  const frames = await live.count('s', 'change', 3);
  assert.deepEqual(frames.map((f) => [f.change_type, f.reason, f.more]), [['delete', 'left_filter', true], ['update', undefined, true], ['insert', undefined, undefined]]);
  const commit = frames[2].seq;
  assert.equal(BigInt(frames[0].seq), BigInt(commit) - 1n);
  assert.ok(frames.slice(1).every((f) => f.rows.every((row) => row._seq === commit)));
  await live.close();
});

test('a bulk statement arrives whole in bounded frames', async () => {
  const t = await table();
  const live = await root.live();
  live.subscribe('s', `SELECT * FROM ${t} WHERE n % 2 = 0`, {});
  await live.ready('s');
  await root.ok(`INSERT INTO ${t} SELECT i, 'bulk', i FROM range(25000) x(i)`);
  await until(() => live.of('s').some((f) => f.type === 'change' && !f.more), 'the last frame of the commit');
  const frames = live.of('s').filter((f) => f.type === 'change');
  assert.equal(frames.flatMap((f) => f.rows).length, 12500);
  assert.ok(frames.every((f) => f.rows.length <= 1000 && f.change_type === 'insert'));
  assert.equal(new Set(frames.flatMap((f) => f.rows.map((row) => row.id))).size, 12500);
  await live.close();
});

test('params, expressions, projections and their own names', async () => {
  const t = await table();
  const live = await root.live();
  live.subscribe('s', `SELECT n * 2 AS twice, room FROM ${t} WHERE room = $1 AND n > $2`, {}, ['x', 5]);
  const ack = await live.next((f) => f.type === 'subscription_ack', 'the ack');
  assert.deepEqual(ack.schema.map((c) => c.name).slice(0, 2), ['twice', 'room']);
  await root.ok(`INSERT INTO ${t} VALUES (1, 'x', 6), (2, 'x', 5), (3, 'y', 7)`);
  const [change] = await live.count('s', 'change', 1);
  assert.equal(change.rows.length, 1);
  assert.equal(change.rows[0].id, 1);
  assert.equal(Number(change.rows[0].twice), 12);
  assert.equal(change.rows[0].n, undefined);
  await live.close();
});

test('what cannot be live is refused with the reason; the socket stays open', async () => {
  const t = await table();
  const live = await root.live();
  const refused = {
    aggregate: [`SELECT count(*) FROM ${t}`, 'UNSUPPORTED'],
    join: [`SELECT a.id FROM ${t} a, ${t} b`, 'UNSUPPORTED'],
    time: [`SELECT * FROM ${t} WHERE NOW() > '2020-01-01'`, 'UNSUPPORTED'],
    chance: [`SELECT * FROM ${t} WHERE random() > 0.5`, 'UNSUPPORTED'],
    session: [`SELECT * FROM ${t} WHERE room = CURRENT_USER()`, 'UNSUPPORTED'],
    subquery: [`SELECT * FROM ${t} WHERE n = (SELECT 1)`, 'UNSUPPORTED'],
    deleted: [`SELECT * FROM ${t} WHERE _deleted`, 'UNSUPPORTED'],
    syntax: ['SELEC', 'INVALID_SQL'],
    absent: ['SELECT * FROM app.nope', 'TABLE_NOT_FOUND'],
    column: [`SELECT nope FROM ${t}`, 'COLUMN_NOT_FOUND'],
    twice: [`SELECT n, n FROM ${t}`, 'INVALID_SQL'],
    write: [`INSERT INTO ${t} VALUES (1, 'a', 1)`, 'UNSUPPORTED'],
    file: ["SELECT * FROM read_csv('/etc/passwd')", null],
  };
  for (const [id, [sql, expected]] of Object.entries(refused)) {
    live.subscribe(id, sql, {});
    const got = await code(live, id);
    if (expected) assert.equal(got, expected, sql);
  }
  live.send('{broken');
  await live.next((f) => f.type === 'error' && f.subscription_id === undefined, 'an error without subscription');
  live.send({ type: 'dance' });
  live.socket.send(Buffer.from([1, 2, 3]));
  await until(() => live.frames.filter((f) => f.type === 'error' && f.subscription_id === undefined).length >= 3, 'three errors');
  live.send({ type: 'ping' });
  await live.next((f) => f.type === 'pong', 'pong');
  live.subscribe('same', `SELECT * FROM ${t}`, {});
  await live.ready('same');
  live.subscribe('same', `SELECT * FROM ${t}`, {});
  assert.equal(await code(live, 'same'), 'ALREADY_EXISTS');
  await root.ok(`INSERT INTO ${t} VALUES (1, 'a', 1)`);
  await live.count('same', 'change', 1);
  live.send({ type: 'unsubscribe', subscription_id: 'same' });
  live.send({ type: 'unsubscribe', subscription_id: 'never there' });
  live.send({ type: 'ping' });
  await until(() => live.frames.filter((f) => f.type === 'pong').length === 2, 'the second pong');
  await root.ok(`INSERT INTO ${t} VALUES (2, 'a', 1)`);
  live.subscribe('after', `SELECT * FROM ${t}`, {});
  await live.ready('after');
  assert.equal(live.of('same').filter((f) => f.type === 'change').length, 1);
  await live.close();
});

test('a predicate that fails on one row ends that subscription and nobody else', async () => {
  const t = await table();
  const live = await root.live();
  live.subscribe('cast', `SELECT * FROM ${t} WHERE room::INT > 0`, {});
  live.subscribe('plain', `SELECT * FROM ${t}`, {});
  await live.ready('cast');
  await live.ready('plain');
  await root.ok(`INSERT INTO ${t} VALUES (1, '5', 1)`);
  await root.ok(`INSERT INTO ${t} VALUES (2, 'no number', 1)`);
  await root.ok(`INSERT INTO ${t} VALUES (3, '6', 1)`);
  const closed = await live.next((f) => f.type === 'subscription_closed', 'subscription_closed');
  assert.equal(closed.subscription_id, 'cast');
  assert.equal(closed.reason, 'predicate_error');
  assert.equal(await code(live, 'cast'), 'TYPE_MISMATCH');
  await live.count('plain', 'change', 3);
  await live.close();
});

test('thousands of subscriptions on one socket', async () => {
  const t = await table();
  const live = await root.live();
  const n = 3000;
  for (let i = 0; i < n; i += 100) {
    live.send({ type: 'subscribe', subscriptions: Array.from({ length: 100 }, (_, j) => ({ query_id: `q${i + j}`, sql: `SELECT * FROM ${t} WHERE room = 'r${i + j}'` })) });
  }
  await until(() => live.frames.filter((f) => f.type === 'subscription_ack').length === n, `${n} acks`, 60_000);
  await root.ok(`INSERT INTO ${t} VALUES (1, 'r7', 1), (2, 'r2999', 1), (3, 'none', 1)`);
  await live.count('q7', 'change', 1);
  await live.count('q2999', 'change', 1);
  assert.equal(live.frames.filter((f) => f.type === 'change').length, 2);
  await live.close();
});

test('a reader that does not read costs nobody else anything, and catches up', async () => {
  const t = await table('id INT PRIMARY KEY, body TEXT');
  const slow = await root.live();
  const quick = await root.live();
  for (const live of [slow, quick]) {
    live.subscribe('s', `SELECT * FROM ${t}`, {});
    await live.ready('s');
  }
  slow.socket.pause();
  const rounds = 120;
  for (let i = 0; i < rounds; i++) await root.ok(`INSERT INTO ${t} VALUES ($1, $2)`, [i, 'x'.repeat(60_000)], { 'x-durability': 'wal' });
  await quick.count('s', 'change', rounds, 60_000);
  slow.socket.resume();
  const replica = new Replica(['id']);
  let seen = 0;
  await until(() => {
    for (const frames = slow.of('s'); seen < frames.length; seen++) replica.apply(frames[seen]);
    return replica.rows.size === rounds;
  }, 'the slow reader to hold every row', 60_000);
  await slow.close();
  await quick.close();
});

test('two users hammer one table; each sees only their own, live and in SELECTs, across flushes', async () => {
  const t = await table('id INT PRIMARY KEY, owner TEXT, n INT', 'USER');
  const r = random(7);
  const people = [];
  for (const name of ['ham1', 'ham2']) {
    const client = await root.newUser(name);
    const live = await client.live();
    live.subscribe('s', `SELECT * FROM ${t}`, {});
    await live.ready('s');
    people.push({ name, client, live, replica: new Replica(['id']), seen: 0 });
  }
  const work = people.flatMap((p) => [0, 1, 2].map(async (lane) => {
    for (let i = 0; i < 60; i++) {
      const id = lane * 1000 + r.below(40);
      if (r.below(4) === 0) await p.client.ok(`DELETE FROM ${t} WHERE id = $1`, [id]);
      else await p.client.ok(`INSERT INTO ${t} VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET n = EXCLUDED.n`, [id, p.name, i]);
      if (i % 20 === 0) assert.ok((await p.client.rows(`SELECT owner FROM ${t}`)).every(([owner]) => owner === p.name));
    }
  }));
  work.push((async () => { for (let i = 0; i < 4; i++) await root.ok(`STORAGE FLUSH TABLE ${t} WAIT`); })());
  await Promise.all(work);
  for (const p of people) {
    const expected = (await p.client.rows(`SELECT id, owner, n FROM ${t} ORDER BY id`)).map((row) => JSON.stringify(row));
    await until(() => {
      for (const frames = p.live.of('s'); p.seen < frames.length; p.seen++) p.replica.apply(frames[p.seen]);
      const got = [...p.replica.rows.values()].sort((a, b) => a.id - b.id).map((row) => JSON.stringify([row.id, row.owner, row.n]));
      return JSON.stringify(got) === JSON.stringify(expected);
    }, `${p.name}'s screen to show what a SELECT shows`);
    assert.ok(p.live.frames.every((f) => !JSON.stringify(f).includes(p.name === 'ham1' ? 'ham2' : 'ham1')));
    await p.live.close();
  }
});

test('STREAM tables: a user has their own, expired events are never returned', async () => {
  await root.ok(`CREATE STREAM TABLE app.typing (id BIGINT PRIMARY KEY DEFAULT SNOWFLAKE_ID(), what TEXT) WITH (TTL_SECONDS=${patience})`);
  const user = await root.newUser('streamer');
  const live = await user.live();
  live.subscribe('s', 'SELECT * FROM app.typing', {});
  await live.ready('s');
  await user.ok("INSERT INTO app.typing (what) VALUES ('…')");
  await live.count('s', 'change', 1);
  assert.equal(await user.value('SELECT count(*) FROM app.typing'), '1');
  assert.equal(await root.value('SELECT count(*) FROM app.typing'), '0');
  await until(async () => (await user.value('SELECT count(*) FROM app.typing')) === '0', 'the event to expire', 5_000);
  assert.equal(live.of('s').filter((f) => f.type === 'change').length, 1);
  await user.error("UPDATE app.typing SET what = 'x'", 'UNSUPPORTED');
  await user.error('DELETE FROM app.typing', 'UNSUPPORTED');
  await root.error('STORAGE FLUSH TABLE app.typing WAIT', 'UNSUPPORTED');
  await live.close();
});

test('access is asked again when it changes', async () => {
  const t = await table();
  const user = await root.newUser('reader');
  const live = await user.live();
  live.subscribe('s', `SELECT * FROM ${t}`, {});
  await live.ready('s');
  await root.ok(`ALTER TABLE ${t} SET (ACCESS_LEVEL = 'PRIVATE')`);
  const closed = await live.next((f) => f.type === 'subscription_closed', 'subscription_closed');
  assert.equal(closed.reason, 'unauthorized');
  live.subscribe('again', `SELECT * FROM ${t}`, {});
  assert.equal(await code(live, 'again'), 'TABLE_NOT_FOUND');
  await live.close();
});
