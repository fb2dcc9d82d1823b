// ALTER against what runs at the same moment, each interleaving fixed by the server's sync points: no sleeping, and the same order every time.
//
//   node tests/evolution/interleavings.mjs [part of a name]     one line a test, RESULT at the end
// A place waits for another to be reached; where the order depends on this side, an unrelated subscription says "go" (live.before_register).
import assert from 'node:assert/strict';
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';
import { report } from '../harness/report.mjs';

const tests = [];
// `points`: what is armed when the statements of `run` come; `columns`: the table, with the rows of `rows` and, cold, of `cold`.
const test = (name, points, run, table = {}) => tests.push({ name, points, run, table });
const t = 'app.t';

class World {
  constructor({ points, table }) { Object.assign(this, { points, table }); }

  async start() {
    this.server = await Server.start({ flags: ['--limits.auth_per_second', '1000', '--storage.auto_compaction', 'false'] });
    await this.login();
    const columns = this.table.columns ?? 'id INT PRIMARY KEY, a INT, b TEXT';
    await this.root.ok(`CREATE NAMESPACE app; CREATE TABLE ${t} (${columns}); CREATE TABLE app.go (id INT PRIMARY KEY)`);
    for (let file = 0; file < (this.table.files ?? 0); file++) {
      await this.root.ok(`INSERT INTO ${t} SELECT i, i, 'x' || i FROM range(${file * 100}, ${file * 100 + 100}) r(i)`);
      await this.root.ok(`STORAGE FLUSH TABLE ${t} WAIT`);
    }
    await this.root.ok(`INSERT INTO ${t} SELECT i, i, 'x' || i FROM range(1000, 1100) r(i)`);
    if (this.table.extra) await this.root.ok(this.table.extra);
    await this.server.restart({ KALAMDB_FAILPOINTS: this.points });
    await this.login();
  }

  async login() {
    this.root = await Client.login(this.server);
    this.other = await Client.login(this.server);
  }

  // Lets go what waits for "go".
  async go() {
    const live = await this.other.live();
    live.subscribe('go', 'SELECT * FROM app.go', {});
    await live.ready('go');
    await live.close();
  }

  get rows() { return 100 * ((this.table.files ?? 0) + 1) + (this.table.more ?? 0); }
  flush() { return this.other.ok(`STORAGE FLUSH TABLE ${t} WAIT`); }
  compact() { return this.other.ok(`STORAGE COMPACT TABLE ${t} WAIT`); }
  alter(action) { return this.root.ok(`ALTER TABLE ${t} ${action}`); }

  // The same answer hot or cold, before and after a restart without failpoints.
  async everywhere(check) {
    await check();
    await this.server.restart();
    await this.login();
    await check();
    await this.flush();
    await this.compact();
    await check();
  }
}

// --- flush -----------------------------------------------------------------------------------------------------------------------------
const altersDuring = async (w, work) => {
  await Promise.all([work(w), w.alter("ADD COLUMN c INT DEFAULT 3, RENAME COLUMN a TO a2, DROP COLUMN b, ADD COLUMN b BIGINT DEFAULT 7")]);
  const check = async () => assert.deepEqual(await w.root.rows(`SELECT count(*), sum(c), sum(b), count(*) FILTER (WHERE c = 3 AND b = 7 AND a2 = id) FROM ${t}`), [[w.rows, w.rows * 3, w.rows * 7, w.rows].map(String)]);
  await w.everywhere(check);
};
test('alter_during_flush: between its view and its first row', 'flush.after_view=signal:flushing+wait:altered;alter.before_commit=wait:flushing;alter.after_commit=signal:altered', (w) => altersDuring(w, () => w.flush()));
test('alter_during_flush: between its files and its publication', 'flush.before_publish=signal:flushing+wait:altered;alter.before_commit=wait:flushing;alter.after_commit=signal:altered', (w) => altersDuring(w, () => w.flush()));
test('alter_during_flush: planned before, committed after the publication', 'alter.before_commit=signal:planned+wait:flushed;flush.after_view=wait:planned;flush.after_publish=signal:flushed', (w) => altersDuring(w, () => w.flush()));

// --- compaction ------------------------------------------------------------------------------------------------------------------------
const cold = { files: 3 };
test('alter_during_compaction: between its view and its first row', 'compact.after_view=signal:merging+wait:altered;alter.before_commit=wait:merging;alter.after_commit=signal:altered', (w) => altersDuring(w, () => w.compact()), cold);
test('alter_during_compaction: between its files and its publication', 'compact.before_publish=signal:merging+wait:altered;alter.before_commit=wait:merging;alter.after_commit=signal:altered', (w) => altersDuring(w, () => w.compact()), cold);
test('rows change and are deleted while a compaction that an ALTER overtook publishes', 'compact.before_publish=signal:merging+wait:go;live.before_register=signal:go;alter.before_commit=wait:merging', async (w) => {
  const merging = w.compact();
  await w.alter('ADD COLUMN c INT DEFAULT 3');
  await w.root.ok(`UPDATE ${t} SET c = 9 WHERE id = 5; DELETE FROM ${t} WHERE id = 6; UPDATE ${t} SET a = -1 WHERE id = 7`);
  await w.go();
  await merging;
  await w.everywhere(async () => assert.deepEqual(await w.root.rows(`SELECT id, a, c FROM ${t} WHERE id BETWEEN 4 AND 8 ORDER BY id`), [[4, 4, 3], [5, 5, 9], [7, -1, 3], [8, 8, 3]]));
}, cold);

// --- a long scan -----------------------------------------------------------------------------------------------------------------------
test('alter_during_a_long_scan: a statement reads one snapshot from start to end', 'scan.opened=signal:scanning+wait:altered;alter.before_commit=wait:scanning;alter.after_commit=signal:altered', async (w) => {
  const [[result]] = await Promise.all([w.other.ok(`SELECT * FROM ${t} WHERE a + 0 >= 0 ORDER BY id`), w.alter("DROP COLUMN b, ADD COLUMN b INT DEFAULT 4, RENAME COLUMN a TO a2")]);
  assert.deepEqual(result.schema.map((c) => c.name), ['id', 'a', 'b']);
  assert.equal(result.rows.length, w.rows);
  assert.ok(result.rows.every(([id, a, b]) => a === id && b === `x${id}`), 'names, types and values are of before');
  await w.everywhere(async () => assert.deepEqual((await w.root.ok(`SELECT * FROM ${t} WHERE a2 + 0 = 1000`))[0].rows, [[1000, 1000, 4]]));
}, cold);
test('a table is dropped and its files compacted away during a long scan', 'scan.opened=signal:scanning+wait:go;live.before_register=signal:go;alter.before_commit=wait:scanning', async (w) => {
  const scan = w.other.ok(`SELECT count(*), sum(a + 0) FROM ${t}`);
  await w.alter('ADD COLUMN c INT DEFAULT 3');
  await w.root.ok(`STORAGE FLUSH TABLE ${t} WAIT; STORAGE COMPACT TABLE ${t} WAIT; DROP TABLE ${t}`);
  await w.go();
  const expected = Array.from({ length: 300 }, (_, i) => i).concat(Array.from({ length: 100 }, (_, i) => 1000 + i)).reduce((sum, i) => sum + i, 0);
  assert.deepEqual((await scan)[0].rows, [['400', String(expected)]]);
}, cold);

// --- writes ----------------------------------------------------------------------------------------------------------------------------
const racing = 'query.before_commit=1@signal:planned+wait:altered;alter.before_commit=wait:planned;alter.after_commit=signal:altered';
test('a write planned on the old version is planned again', racing, async (w) => {
  await Promise.all([w.other.ok(`INSERT INTO ${t} (id, a) SELECT 5000, 1 UNION ALL SELECT 5001, 2`), w.alter('ADD COLUMN c INT NOT NULL DEFAULT 3')]);
  await w.alter('ALTER COLUMN c SET DEFAULT 8');
  await w.root.ok(`INSERT INTO ${t} (id) VALUES (5002)`);
  await w.everywhere(async () => assert.deepEqual(await w.root.rows(`SELECT id, a, c FROM ${t} WHERE id >= 5000 ORDER BY id`), [[5000, 1, 3], [5001, 2, 3], [5002, null, 8]]));
});
test('a bulk load that an ALTER overtakes is written again, in the new shape', racing, async (w) => {
  await Promise.all([w.other.ok(`INSERT INTO ${t} (id, a) SELECT i, i FROM range(5000, 25000) r(i)`), w.alter('ADD COLUMN c INT NOT NULL DEFAULT 3, ALTER COLUMN a TYPE BIGINT, DROP COLUMN b')]);
  await w.everywhere(async () => assert.deepEqual(await w.root.rows(`SELECT count(*), count(DISTINCT id), sum(c), sum(a) FROM ${t} WHERE id >= 5000`), [['20000', '20000', '60000', String(20_000 * 15_000 - 10_000)]]));
});
test('a bulk UPDATE that an ALTER overtakes is planned again', racing, async (w) => {
  await Promise.all([w.other.ok(`UPDATE ${t} SET a = a + 1`), w.alter('ADD COLUMN c INT DEFAULT 3, ALTER COLUMN a TYPE DOUBLE')]);
  await w.everywhere(async () => assert.deepEqual(await w.root.rows(`SELECT count(*), sum(c), count(*) FILTER (WHERE a = id + 1) FROM ${t}`), [[w.rows, w.rows * 3, w.rows].map(String)]));
}, { extra: `INSERT INTO ${t} SELECT i, i, 'y' FROM range(20000, 32000) r(i)`, more: 12_000 });
test('a write that names a column dropped meanwhile says so and writes nothing', racing, async (w) => {
  const [written] = await Promise.all([w.other.request(`UPDATE ${t} SET a = 1 WHERE id + 0 = 1000`), w.alter('DROP COLUMN a')]);
  assert.equal(written.body.error?.code, 'COLUMN_NOT_FOUND');
  await w.everywhere(async () => assert.deepEqual((await w.root.ok(`SELECT * FROM ${t} WHERE id = 1000`))[0].rows, [[1000, 'x1000']]));
});
test('a write planned before NOT NULL came is judged by it', racing, async (w) => {
  const [written] = await Promise.all([w.other.request(`INSERT INTO ${t} (id, b) SELECT 5000, 'no a'`), w.alter('ALTER COLUMN a SET NOT NULL')]);
  assert.equal(written.body.error?.code, 'NOT_NULL_VIOLATION');
  assert.equal(await w.root.value(`SELECT count(*) FROM ${t} WHERE id = 5000 OR a IS NULL`), '0');
});
test('a rename disturbs no write that was planned before it', racing, async (w) => {
  await Promise.all([w.other.ok(`UPDATE ${t} SET a = 77 WHERE id + 0 = 1000`), w.alter('RENAME COLUMN a TO a2')]);
  assert.equal(await w.root.value(`SELECT a2 FROM ${t} WHERE id = 1000`), 77);
});
test('set_not_null_with_concurrent_null: a NULL between the count and the commit', 'alter.before_commit=signal:counted+wait:go;query.before_commit=wait:counted;live.before_register=signal:go', async (w) => {
  const altered = w.root.request(`ALTER TABLE ${t} ALTER COLUMN a SET NOT NULL`);
  await w.other.ok(`INSERT INTO ${t} (id, a) SELECT 5000, NULL`);
  await w.go();
  assert.equal((await altered).body.error?.code, 'NOT_NULL_VIOLATION');
  assert.equal(await w.root.value(`SELECT count(*) FROM ${t} WHERE a IS NULL`), '1');
  assert.equal((await w.root.rows(`DESCRIBE ${t} HISTORY`)).length, 1);
});
test('a NULL that came and went between the count and the commit is in nobody’s way, or is named', 'alter.before_commit=signal:counted+wait:go;query.before_commit=wait:counted;live.before_register=signal:go', async (w) => {
  const altered = w.root.request(`ALTER TABLE ${t} ALTER COLUMN a SET NOT NULL`);
  await w.other.ok(`INSERT INTO ${t} (id, a) SELECT 5000, NULL`);
  await w.other.ok(`DELETE FROM ${t} WHERE id = 5000`);
  await w.go();
  const { body } = await altered;
  assert.ok(body.status === 'success' || body.error.code === 'NOT_NULL_VIOLATION', JSON.stringify(body));
  await w.alter('ALTER COLUMN a SET NOT NULL');
  await w.root.error(`INSERT INTO ${t} (id) VALUES (6000)`, 'NOT_NULL_VIOLATION');
});
test('two ALTERs planned on one version: the second is planned again on what the first made', 'alter.before_commit=1@signal:first+wait:altered;alter.after_commit=signal:altered', async (w) => {
  await Promise.all([w.root.ok(`ALTER TABLE ${t} ADD COLUMN c INT DEFAULT 3`), w.other.ok(`ALTER TABLE ${t} RENAME COLUMN a TO a2`)]);
  const history = await w.root.rows(`DESCRIBE ${t} HISTORY`);
  assert.deepEqual(history.map((row) => row[0]), [1, 2, 3]);
  assert.deepEqual(history.slice(1).map((row) => row[3]).sort(), ['ADD COLUMN c INT DEFAULT 3', 'RENAME COLUMN a TO a2']);
  assert.deepEqual((await w.root.rows(`DESCRIBE ${t}`)).map((row) => row[0]), ['id', 'a2', 'b', 'c']);
});

// --- subscriptions ---------------------------------------------------------------------------------------------------------------------
const subscribed = async (w, sql, action) => {
  const live = await w.other.live();
  live.subscribe('s', sql, {});
  const { body } = await w.root.request(`ALTER TABLE ${t} ${action}`);
  await until(() => live.of('s').some((f) => f.type === 'error' || f.type === 'subscription_closed' || f.batch_control?.status === 'ready'), 'an answer to the subscription');
  return { live, frames: live.of('s'), body };
};
const plain = ({ _seq, ...row }) => row;
const dropWhile = 'alter.before_commit=signal:checked+wait:registered;live.before_register=wait:checked;live.held=signal:registered;live.after_view=signal:registered';
test('ddl_against_registration: a subscription that comes between the check and the commit of DROP COLUMN comes after it', dropWhile, async (w) => {
  const { live, frames, body } = await subscribed(w, `SELECT id, a FROM ${t}`, 'DROP COLUMN a');
  assert.equal(body.status, 'success', JSON.stringify(body));
  assert.deepEqual(frames.map((f) => [f.type, f.code]), [['error', 'COLUMN_NOT_FOUND']], 'it never was there');
  await live.close();
});
// An UPDATE comes to its end once the ALTER stands at its commit.
const atCommit = 'alter.before_commit=1@signal:checked+wait:go;query.before_commit=wait:checked';
const whenChecked = (w) => w.other.ok(`UPDATE ${t} SET b = 'y' WHERE id + 0 = 1000`);
test('ddl_against_registration: a subscription that waited for a DROP COLUMN starts when that fails', `${atCommit};live.before_register=2@signal:go`, async (w) => {
  const dropped = w.root.request(`ALTER TABLE ${t} DROP COLUMN a`);
  await whenChecked(w);
  const live = await w.other.live();
  live.subscribe('s', `SELECT id, a FROM ${t}`, {});
  await w.other.ok(`CREATE VIEW app.v AS SELECT id, a FROM ${t}`);
  assert.equal(live.of('s').length, 0);
  await w.go();
  assert.equal((await dropped).body.error?.code, 'DEPENDENT_OBJECTS');
  await live.ready('s');
  assert.deepEqual(live.of('s').map((f) => f.type), ['subscription_ack', 'initial_data_batch']);
  await w.root.ok('DROP VIEW app.v');
  await w.root.error(`ALTER TABLE ${t} DROP COLUMN a`, 'DEPENDENT_OBJECTS');
  await live.close();
});
test('ddl_against_registration: compiled before, registered after an ADD COLUMN', 'live.before_register=signal:compiled+wait:altered;alter.before_commit=wait:compiled;alter.after_commit=signal:altered', async (w) => {
  const { live, frames } = await subscribed(w, `SELECT * FROM ${t} WHERE a < 1002`, 'ADD COLUMN c INT DEFAULT 3, RENAME COLUMN b TO b2');
  assert.equal(frames[0].schema_version, 2);
  assert.deepEqual(frames[0].schema.map((c) => c.name).filter((name) => !name.startsWith('_')), ['id', 'a', 'b2', 'c']);
  assert.deepEqual(frames[1].rows.map(plain), [{ id: 1000, a: 1000, b2: 'x1000', c: 3 }, { id: 1001, a: 1001, b2: 'x1001', c: 3 }]);
  assert.ok(!frames.some((f) => f.type === 'schema_change'), 'what came before it is not told');
  await live.close();
});
for (const place of ['live.after_register', 'live.after_view', 'live.before_snapshot', 'live.catch_up', 'live.before_go_live']) {
  // To the last two comes only who has something to catch up with: a write during its snapshot.
  const behind = place === 'live.catch_up' || place === 'live.before_go_live';
  const points = `${place}=1@signal:there+wait:altered;alter.before_commit=wait:there;alter.after_commit=signal:altered${behind ? ';live.before_snapshot=1@wait:go;live.before_register=2@signal:go' : ''}`;
  test(`ddl_against_registration: an ALTER while a subscription stands at ${place}`, points, async (w) => {
    const live = await w.other.live();
    live.subscribe('s', `SELECT * FROM ${t} WHERE a < 1002`, {});
    if (behind) {
      await live.next((f) => f.type === 'subscription_ack', 'the ack');
      await w.root.ok(`DELETE FROM ${t} WHERE id = 1001`);
      await w.go();
    }
    await w.alter('ADD COLUMN c INT DEFAULT 3, RENAME COLUMN b TO b2');
    await live.ready('s');
    await w.root.ok(`UPDATE ${t} SET c = 4 WHERE id = 1000`);
    await live.count('s', 'change', behind ? 2 : 1);
    const frames = live.of('s');
    const changes = frames.filter((f) => f.type === 'schema_change').map((f) => [f.old_version, f.new_version]);
    assert.deepEqual(changes, frames[0].schema_version === 1 ? [[1, 2]] : [], 'told once, at its place, or in the ack');
    const named = (f) => (frames.indexOf(f) < frames.findIndex((other) => other.type === 'schema_change') || !changes.length ? frames[0].schema : frames.find((other) => other.type === 'schema_change').schema).map((c) => c.name).filter((name) => !name.startsWith('_')).sort();
    for (const f of frames) for (const row of f.rows ?? f.old_values ?? []) assert.deepEqual(Object.keys(plain(row)).sort(), named(f));
    const last = frames.findLast((f) => f.type === 'change');
    assert.deepEqual(plain(last.rows[0]), { id: 1000, a: 1000, b2: 'x1000', c: 4 });
    await live.close();
  });
}
test('ddl_against_registration: CASCADE ends what registers meanwhile, with the reason', 'alter.before_commit=wait:there;live.after_view=1@signal:there;live.before_snapshot=wait:altered;alter.after_commit=signal:altered', async (w) => {
  const { live, frames, body } = await subscribed(w, `SELECT id, a FROM ${t}`, 'DROP COLUMN a CASCADE');
  assert.equal(body.status, 'success');
  await live.next((f) => f.subscription_id === 's' && f.type === 'subscription_closed', 'its end');
  assert.equal(live.of('s').at(-1).reason, 'column_dropped');
  assert.equal(frames[0].type, 'subscription_ack');
  await live.close();
});
test('ddl_against_views: a view made between the check and the commit of DROP COLUMN is in its way', `${atCommit};live.before_register=signal:go`, async (w) => {
  const dropped = w.root.request(`ALTER TABLE ${t} DROP COLUMN a`);
  await whenChecked(w);
  await w.other.ok(`CREATE VIEW app.v AS SELECT id, a FROM ${t}`);
  await w.go();
  assert.equal((await dropped).body.error?.code, 'DEPENDENT_OBJECTS');
  assert.equal(await w.root.value('SELECT count(*) FROM app.v'), String(w.rows));
});
test('ddl_against_views: a view made between the check and the commit of a change of type is bound again', `${atCommit};live.before_register=signal:go`, async (w) => {
  const altered = w.root.request(`ALTER TABLE ${t} ALTER COLUMN a TYPE DOUBLE`);
  await whenChecked(w);
  await w.other.ok(`CREATE VIEW app.v AS SELECT id, a & 1 AS odd FROM ${t}`);
  await w.go();
  assert.equal((await altered).body.error?.code, 'DEPENDENT_OBJECTS', 'DOUBLE has no &');
  assert.equal(await w.root.value('SELECT sum(odd) FROM app.v'), '50');
});

// --- death and restart -----------------------------------------------------------------------------------------------------------------
const dies = async (w, present) => {
  await w.root.request(`ALTER TABLE ${t} ADD COLUMN c INT DEFAULT 3, RENAME COLUMN a TO a2`).catch(() => null);
  await w.server.exited;
  await w.server.launch();
  await w.login();
  assert.deepEqual((await w.root.rows(`DESCRIBE ${t} HISTORY`)).map((row) => row[0]), present ? [1, 2] : [1]);
  if (!present) await w.alter('ADD COLUMN c INT DEFAULT 3, RENAME COLUMN a TO a2');
  await w.everywhere(async () => assert.deepEqual(await w.root.rows(`SELECT count(*), sum(c), count(*) FILTER (WHERE a2 = id) FROM ${t}`), [[w.rows, w.rows * 3, w.rows].map(String)]));
};
test('alter_at_restart: killed before its commit it never was', 'alter.before_commit=crash', (w) => dies(w, false), cold);
test('alter_at_restart: killed after its commit, before the reply, it is there whole', 'alter.after_commit=crash', (w) => dies(w, true), cold);
test('alter_at_restart: killed in a flush that began before the ALTER', 'flush.before_publish=wait:altered+crash;alter.after_commit=signal:altered', async (w) => {
  await Promise.all([w.other.request(`STORAGE FLUSH TABLE ${t} WAIT`).catch(() => null), w.alter('ADD COLUMN c INT DEFAULT 3, RENAME COLUMN a TO a2').catch(() => null)]);
  await w.server.exited;
  await w.server.launch();
  await w.login();
  if ((await w.root.rows(`DESCRIBE ${t} HISTORY`)).length === 1) await w.alter('ADD COLUMN c INT DEFAULT 3, RENAME COLUMN a TO a2');
  await w.everywhere(async () => assert.deepEqual(await w.root.rows(`SELECT count(*), sum(c), count(*) FILTER (WHERE a2 = id) FROM ${t}`), [[w.rows, w.rows * 3, w.rows].map(String)]));
}, cold);
test('alter_at_restart: killed in a compaction that the ALTER overtook', 'compact.before_publish=wait:altered+crash;alter.after_commit=signal:altered', async (w) => {
  await Promise.all([w.other.request(`STORAGE COMPACT TABLE ${t} WAIT`).catch(() => null), w.alter('ALTER COLUMN a TYPE DOUBLE').catch(() => null)]);
  await w.server.exited;
  await w.server.launch();
  await w.login();
  await w.everywhere(async () => assert.deepEqual(await w.root.rows(`SELECT count(*), count(*) FILTER (WHERE a = id) FROM ${t}`), [[w.rows, w.rows].map(String)]));
}, cold);

let passed = 0;
let failed = 0;
const queue = tests.filter((one) => !process.argv[2] || one.name.includes(process.argv[2]));
await Promise.all([0, 1, 2].map(async () => {
  for (let one = queue.shift(); one; one = queue.shift()) {
    const start = Date.now();
    const w = new World(one);
    try {
      await w.start();
      await one.run(w);
      await w.server.close();
      passed++;
      console.log(`ok   ${one.name} (${Date.now() - start} ms)`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${one.name}: ${error.stack.slice(0, 3000)}\n${w.server?.story()}`);
      await w.server?.kill();
    }
  }
}));
report(passed, failed);
