// Schema changes under live queries: each version told at its place, to readers that are quick, slow or were away; who names a column is asked.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

let server;
let root;
let tables = 0;
before(async () => {
  server = await Server.start({ flags: ['--limits.auth_per_second', '1000', '--limits.live_queue_bytes', '65536'] });
  root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app');
});
after(() => server.close());

async function table(columns = 'id INT PRIMARY KEY, n INT, body TEXT') {
  const name = `app.s${++tables}`;
  await root.ok(`CREATE TABLE ${name} (${columns}) WITH (ACCESS_LEVEL='PUBLIC_WRITE')`);
  return name;
}

const names = (row) => Object.keys(row).filter((name) => name !== '_seq').join();

// What a subscription was told: each change with the columns of its rows, each schema change with its versions.
function told(live, id) {
  return live.of(id).filter((f) => f.type === 'change' || f.type === 'schema_change').map((f) => (f.type === 'schema_change'
    ? `${f.old_version}→${f.new_version} ${f.schema.map((c) => c.name).join()}`
    : `${f.change_type} ${names(f.change_type === 'delete' ? f.old_values[0] : f.rows[0])}`));
}

// Three ALTERs with rows between them.
async function story(t) {
  await root.ok(`INSERT INTO ${t} VALUES (1, 10, 'first')`);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN mood TEXT DEFAULT 'calm'`);
  await root.ok(`INSERT INTO ${t} VALUES (2, 20, 'second', 'glad')`);
  await root.ok(`ALTER TABLE ${t} ALTER COLUMN n TYPE BIGINT, RENAME COLUMN n TO number`);
  await root.ok(`UPDATE ${t} SET number = 5000000000 WHERE id = 1`);
  await root.ok(`ALTER TABLE ${t} DROP COLUMN mood`);
  await root.ok(`DELETE FROM ${t} WHERE id = 2`);
}
const asItWas = [
  'insert id,n,body',
  '1→2 id,n,body,mood',
  'insert id,n,body,mood',
  '2→3 id,number,body,mood',
  'update id,number,body,mood',
  '3→4 id,number,body',
  'delete id,number,body',
];

function checkOrder(live, id) {
  const seqs = live.of(id).filter((f) => f.type === 'change' || f.type === 'schema_change').map((f) => BigInt(f.seq));
  assert.ok(seqs.every((seq, i) => i === 0 || seq > seqs[i - 1]), `each frame behind the one before: ${seqs}`);
}

test('a quick reader and one that comes late to all of it are told each version at its place', async () => {
  const t = await table();
  const quick = await root.live();
  const slow = await root.live();
  for (const live of [quick, slow]) {
    live.subscribe('s', `SELECT * FROM ${t}`, {});
    live.subscribe('named', `SELECT n AS amount, id FROM ${t} WHERE body <> 'pad'`, {});
    await live.ready('s');
    await live.ready('named');
  }
  // The slow one's socket is full of another table's rows before the story begins.
  const pad = await table('id INT PRIMARY KEY, body TEXT');
  slow.subscribe('pad', `SELECT * FROM ${pad}`, {});
  await slow.ready('pad');
  slow.socket.pause();
  for (let i = 0; i < 150; i++) await root.ok(`INSERT INTO ${pad} VALUES ($1, $2)`, [i, 'x'.repeat(60_000)], { 'x-durability': 'wal' });
  await story(t);
  await until(() => told(quick, 's').length === asItWas.length && told(quick, 'named').length === 7, 'the quick reader to hear it all');
  assert.deepEqual(told(quick, 's'), asItWas);
  const evicted = /kalamdb_live_slow_reader_evictions_total (\d+)/.exec(await (await fetch(`${server.url}/metrics`)).text())[1];
  assert.ok(Number(evicted) >= 2, `the slow reader left memory: ${evicted}`);
  slow.socket.resume();
  await until(() => told(slow, 's').length >= asItWas.length && told(slow, 'named').length >= 7, 'the slow reader to hear it all');
  for (const live of [quick, slow]) {
    assert.deepEqual(told(live, 's'), asItWas);
    assert.deepEqual(told(live, 'named'), ['insert amount,id', '1→2 amount,id', 'insert amount,id', '2→3 amount,id', 'update amount,id', '3→4 amount,id', 'delete amount,id']);
    checkOrder(live, 's');
    checkOrder(live, 'named');
    const [added] = live.of('s').filter((f) => f.type === 'schema_change');
    assert.equal(added.schema[3].initial_default, 'calm');
    assert.equal(added.table, t);
    const update = live.of('s').find((f) => f.change_type === 'update');
    assert.equal(update.rows[0].number, '5000000000');
    assert.equal(update.rows[0].mood, 'calm');
    assert.equal(update.old_values[0].number, '10');
    assert.ok(live.of('s').every((f) => f.type !== 'resync_required'));
  }
  assert.deepEqual(slow.of('s'), quick.of('s'), 'frame by frame the same');
  await quick.close();
  slow.socket.terminate();
});

test('who was away is told one change of the schema at its own point, and what it missed in the shape of now', async () => {
  const t = await table();
  const live = await root.live();
  live.subscribe('s', `SELECT * FROM ${t}`, {});
  await live.ready('s');
  const from = live.of('s')[0].seq;
  live.socket.terminate();
  await story(t);
  const again = await root.live();
  again.subscribe('s', `SELECT * FROM ${t}`, { from });
  await again.count('s', 'change', 4);
  const ack = again.of('s')[0];
  assert.equal(ack.schema_version, 4);
  assert.deepEqual(ack.schema.map((c) => c.name), ['id', 'number', 'body']);
  assert.equal(again.of('s')[1].seq, from);
  assert.deepEqual(told(again, 's'), ['1→4 id,number,body', 'insert id,number,body', 'insert id,number,body', 'update id,number,body', 'delete id,number,body']);
  // From a point between the second and the third ALTER.
  const middle = again.of('s').find((f) => f.change_type === 'update').seq;
  again.subscribe('m', `SELECT * FROM ${t}`, { from: middle });
  await again.count('m', 'change', 1);
  assert.deepEqual(told(again, 'm'), ['3→4 id,number,body', 'delete id,number,body']);
  await again.close();
});

test('a hundred live queries are each told every version once, at its place, however quickly ALTERs follow', async () => {
  const t = await table('id INT PRIMARY KEY, room INT, body TEXT');
  const lives = [];
  for (let room = 0; room < 100; room++) {
    const live = await root.live();
    live.subscribe('s', `SELECT * FROM ${t} WHERE room = ${room}`, {});
    lives.push(live);
  }
  lives[9].subscribe('named', `SELECT body FROM ${t} WHERE body <> ''`, {});
  lives[9].subscribe('all', `SELECT * FROM ${t}`, {});
  for (const id of ['named', 'all']) await lives[9].ready(id);
  for (const live of lives) await live.ready('s');
  const insert = (first, rooms) => root.ok(`INSERT INTO ${t} (id, room, body) VALUES ${rooms.map((room) => `(${first + room}, ${room}, 'x')`).join()}`);
  const all = lives.map((_, room) => room);
  const even = all.filter((room) => room % 2 === 0);
  await insert(0, even);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN mood TEXT DEFAULT 'calm'`);
  lives[0].send({ type: 'unsubscribe', subscription_id: 's' });
  lives[1].socket.terminate();
  await insert(1000, even);
  // The turns of one are not over when the next comes; the second is one that queries must be bound again for.
  await root.ok(`ALTER TABLE ${t} RENAME COLUMN mood TO tone`);
  await root.ok(`ALTER TABLE ${t} ALTER COLUMN room TYPE BIGINT`);
  await root.ok(`ALTER TABLE ${t} DROP COLUMN tone`);
  await insert(2000, all);
  await root.ok(`ALTER TABLE ${t} DROP COLUMN body CASCADE`);
  const versions = ['2→3 id,room,body,tone', '3→4 id,room,body,tone', '4→5 id,room,body', 'insert id,room,body', '5→6 id,room'];
  const added = '1→2 id,room,body,mood';
  const odd = [added, ...versions];
  for (const room of all.slice(2)) {
    const expected = room % 2 === 0 ? ['insert id,room,body', added, 'insert id,room,body,mood', ...versions] : odd;
    await until(() => told(lives[room], 's').length >= expected.length, `room ${room} to hear it all`);
    assert.deepEqual(told(lives[room], 's'), expected, `room ${room}`);
    checkOrder(lives[room], 's');
  }
  await until(() => lives[9].of('named').some((f) => f.type === 'subscription_closed'), 'the one that named the column to end');
  assert.equal(lives[9].of('named').at(-1).reason, 'column_dropped');
  await until(() => told(lives[9], 'all').some((line) => line.startsWith('5→6')), 'the one of all rows to hear of the last version');
  assert.deepEqual(told(lives[9], 'all').filter((line) => line.includes('→')), odd.filter((line) => line.includes('→')));
});

test('a slow reader whose column was dropped with CASCADE hears all before it, then why it ended', async () => {
  const t = await table();
  const pad = await table('id INT PRIMARY KEY, body TEXT');
  const slow = await root.live();
  slow.subscribe('s', `SELECT id, n FROM ${t}`, {});
  slow.subscribe('pad', `SELECT * FROM ${pad}`, {});
  await slow.ready('s');
  await slow.ready('pad');
  slow.socket.pause();
  for (let i = 0; i < 150; i++) await root.ok(`INSERT INTO ${pad} VALUES ($1, $2)`, [i, 'x'.repeat(60_000)], { 'x-durability': 'wal' });
  await root.ok(`INSERT INTO ${t} VALUES (1, 1, 'a')`);
  const refused = await root.error(`ALTER TABLE ${t} DROP COLUMN n`, 'DEPENDENT_OBJECTS');
  assert.match(refused.message, /live query \d+ of root/);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN x INT`);
  await root.ok(`INSERT INTO ${t} VALUES (2, 2, 'b', 2)`);
  await root.ok(`ALTER TABLE ${t} DROP COLUMN n CASCADE`);
  await root.ok(`INSERT INTO ${t} (id) VALUES (3)`);
  slow.socket.resume();
  const closed = await slow.next((f) => f.type === 'subscription_closed', 'the end');
  assert.deepEqual([closed.subscription_id, closed.reason], ['s', 'column_dropped']);
  assert.deepEqual(told(slow, 's'), ['insert id,n', '1→2 id,n', 'insert id,n']);
  assert.equal(slow.of('s').at(-1), closed);
  slow.socket.terminate();
});

test('a live predicate that does not bind with a new type is in its way, by name', async () => {
  const t = await table();
  const live = await root.live();
  live.subscribe('bits', `SELECT * FROM ${t} WHERE n & 1 = 1`, {});
  live.subscribe('plain', `SELECT * FROM ${t} WHERE n > 5`, {});
  await live.ready('bits');
  await live.ready('plain');
  const refused = await root.error(`ALTER TABLE ${t} ALTER COLUMN n TYPE DOUBLE`, 'DEPENDENT_OBJECTS');
  assert.match(refused.message, /column n .* live query \d+ of root$/);
  assert.equal(await root.value(`SELECT count(*) FROM ${t}`), '0');
  live.send({ type: 'unsubscribe', subscription_id: 'bits' });
  await until(async () => (await root.request(`ALTER TABLE ${t} ALTER COLUMN n TYPE DOUBLE`)).status === 200, 'the ALTER once it is gone');
  await root.ok(`INSERT INTO ${t} VALUES (1, 5.5, 'a'), (2, 5, 'b')`);
  const [change] = await live.count('plain', 'change', 1);
  assert.deepEqual(change.rows.map((row) => row.id), [1]);
  await live.close();
});

test('rows of one frame stand in the order of the key, whatever order they were written or lie in', async () => {
  const t = await table('id INT PRIMARY KEY, n INT');
  const live = await root.live();
  live.subscribe('s', `SELECT * FROM ${t}`, {});
  await live.ready('s');
  const from = live.of('s')[0].seq;
  await root.ok(`INSERT INTO ${t} VALUES (5, 1), (1, 1), (3, 1)`);
  await root.ok(`STORAGE FLUSH TABLE ${t} WAIT`);
  await root.ok(`INSERT INTO ${t} VALUES (4, 1), (-2, 1)`);
  await root.ok(`STORAGE FLUSH TABLE ${t} WAIT`);
  await root.ok(`INSERT INTO ${t} VALUES (2, 1), (6, 1)`);
  await root.ok(`UPDATE ${t} SET n = 2`);
  await root.ok(`TRUNCATE TABLE ${t}`);
  await live.count('s', 'change', 5);
  live.subscribe('again', `SELECT * FROM ${t}`, { from });
  await live.count('again', 'change', 5);
  for (const id of ['s', 'again']) {
    const ids = live.of(id).filter((f) => f.type === 'change').map((f) => (f.rows ?? f.old_values).map((row) => row.id));
    assert.deepEqual(ids, [[1, 3, 5], [-2, 4], [2, 6], [-2, 1, 2, 3, 4, 5, 6], [-2, 1, 2, 3, 4, 5, 6]], id);
  }
  await live.close();
});
