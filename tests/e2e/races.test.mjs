// Races that correctness rests on, by name, through the running server: what runs side by side must come out as if one after the other.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Server, until } from '../harness/server.mjs';
import { Client, Replica } from '../harness/client.mjs';

let server;
let root;
let tables = 0;
before(async () => {
  server = await Server.start({ flags: ['--limits.auth_per_second', '1000'] });
  root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app');
});
after(() => server.close());

async function table(columns = 'id INT PRIMARY KEY, n INT', kind = 'SHARED') {
  const name = `app.r${++tables}`;
  await root.ok(`CREATE ${kind} TABLE ${name} (${columns})`);
  return name;
}
const wal = { 'x-durability': 'wal' };
const flush = (t) => root.ok(`STORAGE FLUSH TABLE ${t} WAIT`);
const compact = (t) => root.ok(`STORAGE COMPACT TABLE ${t} WAIT`);
const lanes = (n, run) => Promise.all(Array.from({ length: n }, (_, i) => run(i)));

test('upsert_row_appears_after_observation: counters lose nothing', async () => {
  const t = await table();
  await lanes(8, async () => { for (let i = 0; i < 25; i++) await root.ok(`INSERT INTO ${t} VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET n = ${t.slice(4)}.n + 1`, undefined, wal); });
  assert.deepEqual(await root.rows(`SELECT * FROM ${t}`), [[1, 200]]);
  await lanes(8, async (lane) => {
    for (let i = 0; i < 25; i++) {
      await root.ok(`UPDATE ${t} SET n = n + 1 WHERE ${lane % 2 ? 'id = 1' : 'id + 0 = 1'}`, undefined, wal);
      if (lane === 0 && i % 8 === 0) await flush(t);
    }
  });
  assert.deepEqual(await root.rows(`SELECT * FROM ${t}`), [[1, 400]]);
});

test('insert_same_key_while_first_is_flushed: one wins, the others are told', async () => {
  const t = await table();
  for (let round = 0; round < 15; round++) {
    const results = await Promise.all([flush(t), ...[0, 1, 2, 3].map((n) => root.request(`INSERT INTO ${t} VALUES (${round}, ${n})`, undefined, wal))]);
    const codes = results.slice(1).map((r) => r.body.error?.code ?? 'ok').sort();
    assert.deepEqual(codes, ['UNIQUE_VIOLATION', 'UNIQUE_VIOLATION', 'UNIQUE_VIOLATION', 'ok']);
  }
  assert.equal(await root.value(`SELECT count(*) FROM ${t}`), '15');
  await flush(t);
  assert.equal(await root.value(`SELECT count(DISTINCT id) FROM ${t}`), '15');
});

test('update_cold_row_while_its_segment_is_compacted', async () => {
  const t = await table();
  for (let part = 0; part < 4; part++) {
    await root.ok(`INSERT INTO ${t} SELECT i, 0 FROM range(${part * 1000}, ${part * 1000 + 1000}) r(i)`);
    await flush(t);
  }
  const expected = new Map();
  const work = lanes(3, async (lane) => {
    for (let i = 0; i < 40; i++) {
      const id = lane * 1300 + i * 7;
      if (i % 5 === 4) { await root.ok(`DELETE FROM ${t} WHERE id = ${id}`, undefined, wal); expected.set(id, null); } else { await root.ok(`UPDATE ${t} SET n = ${i + 1} WHERE id = ${id}`, undefined, wal); expected.set(id, i + 1); }
    }
  });
  await Promise.all([work, compact(t), flush(t), compact(t)]);
  const check = async () => {
    const rows = new Map(await root.rows(`SELECT id, n FROM ${t}`));
    for (const [id, n] of expected) assert.equal(rows.get(id) ?? null, n, `row ${id}`);
    assert.equal(rows.size, 4000 - [...expected.values()].filter((n) => n === null).length);
  };
  await check();
  await compact(t);
  await check();
  await server.crash();
  root = await Client.login(server);
  await check();
});

test('register_during_commit_no_gap_no_overlap', async () => {
  const t = await table();
  const stop = { now: false };
  let next = 0;
  const writers = lanes(2, async () => {
    while (!stop.now) {
      const id = next++;
      await root.ok(`INSERT INTO ${t} VALUES (${id}, 0)`, undefined, wal);
      await root.ok(id % 3 ? `UPDATE ${t} SET n = n + 1 WHERE id = ${id}` : `DELETE FROM ${t} WHERE id = ${id}`, undefined, wal);
    }
  });
  const live = await root.live();
  const screens = [];
  for (let i = 0; i < 40; i++) {
    live.subscribe(`s${i}`, `SELECT * FROM ${t}`, { batch_size: 1000 });
    screens.push({ id: `s${i}`, replica: new Replica(['id']), seen: 0 });
    if (i % 10 === 0) await flush(t);
    await live.next((f) => f.subscription_id === `s${i}` && f.type === 'subscription_ack', `ack ${i}`);
  }
  stop.now = true;
  await writers;
  const expected = JSON.stringify((await root.rows(`SELECT id, n FROM ${t} ORDER BY id`)));
  for (const s of screens) {
    let got;
    await until(() => {
      for (const frames = live.of(s.id); s.seen < frames.length; s.seen++) {
        s.replica.apply(frames[s.seen]);
        if (frames[s.seen].type === 'initial_data_batch') live.send({ type: 'next_batch', subscription_id: s.id });
      }
      got = JSON.stringify([...s.replica.rows.values()].sort((a, b) => a.id - b.id).map((row) => [row.id, row.n]));
      return got === expected;
    }, `screen ${s.id} to show what is true`, 20_000);
  }
  await live.close();
});

test('snapshot_client_that_never_asks holds nobody up', async () => {
  const t = await table('id INT PRIMARY KEY, body TEXT');
  await root.ok(`INSERT INTO ${t} SELECT i, repeat('x', 500) FROM range(9000) r(i)`);
  const live = await root.live();
  live.subscribe('s', `SELECT * FROM ${t}`, { batch_size: 10 });
  await live.count('s', 'initial_data_batch', 2);
  for (let i = 0; i < 20; i++) await root.ok(`UPDATE ${t} SET body = 'new' WHERE id = ${i}`, undefined, wal);
  await flush(t);
  await compact(t);
  assert.equal(await root.value(`SELECT count(*) FROM ${t} WHERE body = 'new'`), '20');
  assert.equal(live.of('s').filter((f) => f.type === 'change').length, 0, 'changes wait behind the snapshot');
  live.send({ type: 'next_batch', subscription_id: 's' });
  const batches = await live.count('s', 'initial_data_batch', 3);
  assert.ok(batches.every((b) => b.rows.every((row) => row.body !== 'new')), 'the snapshot is of S');
  await live.close();
});

test('bulk_update_while_small_writers', async () => {
  const t = await table();
  await root.ok(`INSERT INTO ${t} SELECT i, 0 FROM range(60000) r(i)`);
  const small = lanes(3, async (lane) => { for (let i = 0; i < 30; i++) await root.ok(`INSERT INTO ${t} VALUES (${100_000 + lane * 1000 + i}, 5)`, undefined, wal); });
  await Promise.all([small, root.ok(`UPDATE ${t} SET n = n + 1 WHERE id < 60000`), root.ok(`UPDATE ${t} SET n = n + 10 WHERE id < 60000 AND id % 2 = 0`)]);
  assert.deepEqual(await root.rows(`SELECT count(*), sum(n) FROM ${t}`), [['60090', String(60_000 + 300_000 + 450)]]);
});

test('insert_select_from_itself_terminates, above the bulk bound too', async () => {
  const t = await table();
  await root.ok(`INSERT INTO ${t} SELECT i, i FROM range(8000) r(i)`);
  await root.ok(`INSERT INTO ${t} SELECT id + 8000, n FROM ${t}`);
  await root.ok(`INSERT INTO ${t} SELECT id + 16000, n FROM ${t}`);
  assert.deepEqual(await root.rows(`SELECT count(*), count(DISTINCT id), max(id) FROM ${t}`), [['32000', '32000', 31999]]);
});

test('drop_create_same_name_files_do_not_meet', async () => {
  for (let round = 0; round < 6; round++) {
    await root.ok(`CREATE TABLE app.again (id INT PRIMARY KEY, v TEXT); INSERT INTO app.again SELECT i, 'round ${round}' FROM range(${100 + round}) r(i)`);
    await Promise.all([flush('app.again'), root.ok(`INSERT INTO app.again VALUES (5000, 'hot ${round}')`)]);
    if (round === 3) { await server.restart(); root = await Client.login(server); }
    assert.deepEqual(await root.rows('SELECT count(*), min(v), max(v) FROM app.again'), [[String(101 + round), `hot ${round}`, `round ${round}`]]);
    await Promise.all([root.ok('DROP TABLE app.again'), root.request('SELECT count(*) FROM app.again'), root.request('STORAGE FLUSH TABLE app.again WAIT'), root.request('STORAGE COMPACT TABLE app.again WAIT')]);
  }
});

test('plan_cache_current_user_two_users, count_star_cached_plan_after_insert', async () => {
  const t = await table('id INT PRIMARY KEY, owner TEXT', 'USER');
  const people = [await root.newUser('pat'), await root.newUser('quinn')];
  for (let i = 0; i < 12; i++) {
    for (const [k, p] of people.entries()) {
      if (i % 3 === 0) await p.ok(`INSERT INTO ${t} VALUES ($1, $2)`, [i, p.name]);
      if (i === 6) await flush(t);
      const rows = Math.floor(i / 3) + 1;
      assert.deepEqual(await p.rows(`SELECT CURRENT_USER(), CURRENT_ROLE(), count(*) FROM ${t}`), [[p.name, 'user', String(rows)]]);
      assert.deepEqual(await p.rows(`SELECT count(*) FROM ${t} WHERE owner = CURRENT_USER()`), [[String(rows)]]);
      assert.deepEqual(await p.rows(`SELECT owner FROM ${t} WHERE id = 0`), [[p.name]], `user ${k}`);
    }
    assert.equal(await root.value(`SELECT count(*) FROM ${t}`), '0');
  }
});

test('shared_file_cast_error_shows_no_foreign_value, did_you_mean_shows_no_foreign_table', async () => {
  const t = await table('id INT PRIMARY KEY, body TEXT', 'USER');
  await root.ok('CREATE TABLE app.payroll_secret (id INT PRIMARY KEY, salary_secret INT)');
  const [eve, dan] = [await root.newUser('eve'), await root.newUser('dan')];
  await eve.ok(`INSERT INTO ${t} SELECT i, 'secret-of-eve-' || i FROM range(300) r(i)`);
  await dan.ok(`INSERT INTO ${t} SELECT i, i::TEXT FROM range(50) r(i)`);
  for (const where of ['hot', 'cold', 'compacted']) {
    assert.equal(await dan.value(`SELECT sum(body::INT) FROM ${t}`), '1225', where);
    assert.equal(await dan.value(`SELECT count(*) FROM ${t} WHERE body::INT >= 0`), '50', where);
    assert.deepEqual(await dan.rows(`SELECT min(body), max(id), count(DISTINCT body) FROM ${t}`), [['0', 49, '50']]);
    const cast = await eve.error(`SELECT sum(body::INT) FROM ${t}`, 'TYPE_MISMATCH');
    assert.match(cast.message, /secret-of-eve/, 'of one’s own rows');
    const plan = JSON.stringify(await dan.rows(`EXPLAIN ANALYZE SELECT * FROM ${t} WHERE body > 'a'`));
    assert.doesNotMatch(plan, /secret/);
    const stats = JSON.stringify(await dan.rows(`SHOW STATS FOR TABLE ${t}`));
    assert.doesNotMatch(stats, /350|300/, `statistics of others: ${stats}`);
    if (where === 'hot') await flush(t);
    else await compact(t);
  }
  for (const sql of ['SELECT * FROM app.payroll_secre', 'SELECT * FROM payroll_secret', 'SELECT salary_secret FROM app.payroll', 'SELECT * FROM app.payroll_secret', 'DESCRIBE app.payroll_secret', 'SELECT nope FROM app.payroll_secret', 'INSERT INTO app.payroll_secret VALUES (1, 1)', 'DROP TABLE app.payroll_secret']) {
    const error = await dan.error(sql);
    const asked = sql.includes('payroll_secret ') || /payroll_secret$/.test(sql);
    assert.ok(!JSON.stringify([error.hint, asked ? '' : error.message]).includes('payroll_secret'), `${sql}: ${JSON.stringify(error)}`);
    assert.ok(!JSON.stringify(error).includes('salary_secret') || sql.includes('salary_secret'), `${sql}: ${JSON.stringify(error)}`);
    assert.ok(['TABLE_NOT_FOUND', 'PERMISSION_DENIED'].includes(error.code), `${sql}: ${error.code}`);
  }
});
