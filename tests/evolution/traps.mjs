// The traps that other engines fell into when schemas changed, each a named test, and ALTER against everything that runs beside it.
//
//   node tests/evolution/traps.mjs [part of a name]     one line a test, RESULT at the end
import assert from 'node:assert/strict';
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';
import { random, report } from '../harness/report.mjs';

const tests = [];
const test = (name, run) => tests.push({ name, run });
let server;
let root;
let tables = 0;

async function table(columns, kind = 'SHARED') {
  const name = `app.t${++tables}`;
  await root.ok(`CREATE ${kind} TABLE ${name} (${columns})`);
  return name;
}
const flush = (t) => root.ok(`STORAGE FLUSH TABLE ${t} WAIT`);
const compact = (t) => root.ok(`STORAGE COMPACT TABLE ${t} WAIT`);
const ids = async (t, where) => (await root.rows(`SELECT id FROM ${t} WHERE ${where} ORDER BY id`)).map(([id]) => id);
// The same answers from a file, from two files, and from one that was merged.
async function everywhere(t, check) {
  await check('as it is');
  await flush(t);
  await check('flushed');
  await compact(t);
  await check('compacted');
}

test('a filter on an absent column sees its default', async () => {
  const t = await table('id INT PRIMARY KEY, a INT');
  await root.ok(`INSERT INTO ${t} SELECT i, i FROM range(100) r(i)`);
  await flush(t);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN c INT DEFAULT 5`);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN e INT`);
  await root.ok(`INSERT INTO ${t} VALUES (200, 1, 6, 1), (201, 1, NULL, NULL)`);
  await everywhere(t, async () => {
    assert.equal(await root.value(`SELECT count(*) FROM ${t} WHERE c = 5`), '100');
    assert.equal(await root.value(`SELECT count(*) FROM ${t} WHERE c IS NOT NULL`), '101');
    assert.equal(await root.value(`SELECT count(*) FROM ${t} WHERE c + 1 = 6`), '100');
    assert.equal(await root.value(`SELECT count(*) FROM ${t} WHERE c > 5`), '1');
    assert.equal(await root.value(`SELECT count(*) FROM ${t} WHERE c <> 5`), '1');
    assert.equal(await root.value(`SELECT count(*) FROM ${t} WHERE coalesce(c, 0) = 0`), '1');
    assert.equal(await root.value(`SELECT count(*) FROM ${t} WHERE c IN (5, 6)`), '101');
    assert.equal(await root.value(`SELECT count(*) FROM ${t} WHERE e IS NULL`), '101');
    assert.equal(await root.value(`SELECT count(*) FROM ${t} WHERE e IS NOT NULL`), '1');
    assert.deepEqual(await root.rows(`SELECT min(c), max(c), sum(c), count(c) FROM ${t}`), [[5, 6, '506', '101']]);
    assert.equal(await root.value(`SELECT count(*) FROM ${t} x JOIN ${t} y ON x.c = y.c AND x.id = y.id`), '101');
  });
});

test('NULL written into a column with a default stays NULL', async () => {
  const t = await table('id INT PRIMARY KEY');
  await root.ok(`INSERT INTO ${t} VALUES (1)`);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN c INT DEFAULT 5`);
  await root.ok(`INSERT INTO ${t} VALUES (2, NULL)`);
  await root.ok(`INSERT INTO ${t} (id) VALUES (3)`);
  await root.ok(`ALTER TABLE ${t} ALTER COLUMN c SET DEFAULT 9`);
  await root.ok(`INSERT INTO ${t} (id) VALUES (4)`);
  await root.ok(`ALTER TABLE ${t} ALTER COLUMN c DROP DEFAULT`);
  await root.ok(`INSERT INTO ${t} (id) VALUES (5)`);
  await everywhere(t, async () => assert.deepEqual(await root.rows(`SELECT * FROM ${t} ORDER BY id`), [[1, 5], [2, null], [3, 5], [4, 9], [5, null]]));
});

test('NOW() as a default is evaluated once, then', async () => {
  const t = await table('id INT PRIMARY KEY');
  await root.ok(`INSERT INTO ${t} VALUES (1), (2)`);
  await flush(t);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN at TIMESTAMP DEFAULT NOW()`);
  const first = await root.rows(`SELECT at FROM ${t} ORDER BY id`);
  assert.ok(first[0][0] !== null && first[0][0] === first[1][0]);
  await root.ok(`INSERT INTO ${t} (id) VALUES (3)`);
  await everywhere(t, async () => {
    const now = await root.rows(`SELECT at FROM ${t} ORDER BY id`);
    assert.deepEqual(now.slice(0, 2), first);
    assert.ok(now[2][0] > first[0][0], 'an INSERT takes its own time');
  });
});

test('min and max say nothing about NULL and NaN', async () => {
  const t = await table('id INT PRIMARY KEY, d DOUBLE, f FLOAT');
  await root.ok(`INSERT INTO ${t} VALUES (1, 1, 1), (2, 'nan', 'nan'), (3, NULL, NULL), (4, '-infinity', 2), (5, 'infinity', 3), (6, -0.0, 0)`);
  await everywhere(t, async () => {
    for (const c of ['d', 'f']) {
      assert.deepEqual(await ids(t, `${c} = 'nan'`), [2]);
      assert.deepEqual(await ids(t, `isnan(${c})`), [2]);
      assert.deepEqual(await ids(t, `${c} IS NULL`), [3]);
      assert.ok((await ids(t, `${c} > 1000`)).includes(2), 'NaN is the greatest');
      assert.deepEqual(await ids(t, `${c} = 0`), [6]);
    }
  });
  const only = await table('id INT PRIMARY KEY, d DOUBLE');
  await root.ok(`INSERT INTO ${only} VALUES (1, 'nan'), (2, NULL)`);
  await flush(only);
  assert.deepEqual(await ids(only, "d = 'nan'"), [1]);
  assert.deepEqual(await ids(only, 'd > 5'), [1]);
  assert.deepEqual(await ids(only, 'd < 5'), []);
});

test('the sign of zero is the same hot and cold', async () => {
  const t = await table('id INT PRIMARY KEY, d DOUBLE, f FLOAT, e EMBEDDING(2)');
  for (let i = 0; i < 40; i++) await root.ok(`INSERT INTO ${t} VALUES (${i}, ${i % 2 ? "'-0'" : "'0'"}::DOUBLE, ${i % 3 ? "'-0'" : "'0'"}::FLOAT, [${i % 2 ? '-0.0, 0.0' : '0.0, -0.0'}])`, undefined, { 'x-durability': 'wal' });
  await root.ok(`INSERT INTO ${t} VALUES ($1, $2, $2, $3)`, [40, '-0', [0, '-0']]);
  await root.ok(`UPDATE ${t} SET d = -d WHERE id < 20`);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN x DOUBLE DEFAULT '-0'`);
  await everywhere(t, async (when) => {
    for (const row of await root.rows(`SELECT d, f, x, e[1], e[2] FROM ${t}`)) for (const v of row) assert.ok(Object.is(v, 0), `${when}: ${Object.is(v, -0) ? '-0' : v}`);
    assert.deepEqual(await root.rows(`SELECT d::TEXT, f::TEXT, x::TEXT, count(*) FROM ${t} GROUP BY ALL`), [['0.0', '0.0', '0.0', '41']]);
  });
});

test('bounds of long strings are no values', async () => {
  const t = await table('id INT PRIMARY KEY, s TEXT');
  const long = (c) => `'${c.repeat(300)}'`;
  await root.ok(`INSERT INTO ${t} VALUES (1, ${long('a')}), (2, ${long('ÿ')}), (3, ${long('z')}), (4, repeat('z', 299)), (5, ''), (6, NULL), (7, repeat(chr(1114111), 200))`);
  await everywhere(t, async () => {
    assert.deepEqual(await ids(t, `s = ${long('a')}`), [1]);
    assert.deepEqual(await ids(t, `s = ${long('ÿ')}`), [2]);
    assert.deepEqual(await ids(t, `s = ${long('z')}`), [3]);
    assert.deepEqual(await ids(t, `s = repeat('z', 299)`), [4]);
    assert.deepEqual(await ids(t, `s > ${long('z')}`), [2, 7]);
    assert.deepEqual(await ids(t, `s < 'a'`), [5]);
    assert.deepEqual(await ids(t, `s >= repeat('z', 299) AND s < repeat('z', 301)`), [3, 4]);
    assert.deepEqual(await ids(t, `s = repeat(chr(1114111), 200)`), [7]);
  });
});

test('drop and add again: no value of the old column', async () => {
  const t = await table('id INT PRIMARY KEY, a INT, b TEXT');
  await root.ok(`INSERT INTO ${t} VALUES (1, 10, 'x')`);
  await flush(t);
  await root.ok(`INSERT INTO ${t} VALUES (2, 20, 'y')`);
  await root.ok(`ALTER TABLE ${t} DROP COLUMN a`);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN a INT`);
  assert.deepEqual(await ids(t, 'a IS NULL'), [1, 2]);
  assert.deepEqual(await ids(t, 'a = 10 OR a = 20'), []);
  await root.ok(`ALTER TABLE ${t} DROP COLUMN a, ADD COLUMN a TEXT DEFAULT 'new'`);
  await root.ok(`INSERT INTO ${t} (id) VALUES (3)`);
  await everywhere(t, async () => assert.deepEqual(await root.rows(`SELECT id, a, b FROM ${t} WHERE a = 'new' ORDER BY id`), [[1, 'new', 'x'], [2, 'new', 'y'], [3, 'new', null]]));
});

test('rename_swap_keeps_check', async () => {
  const t = await table('id INT PRIMARY KEY, a INT, b INT, CHECK (a < 10)');
  await root.ok(`INSERT INTO ${t} VALUES (1, 1, 100)`);
  await flush(t);
  await root.ok(`ALTER TABLE ${t} RENAME COLUMN a TO tmp, RENAME COLUMN b TO a, RENAME COLUMN tmp TO b`);
  assert.deepEqual(await root.rows(`SELECT id, a, b FROM ${t}`), [[1, 100, 1]]);
  await root.ok(`INSERT INTO ${t} (id, a, b) VALUES (2, 500, 2)`);
  await root.error(`INSERT INTO ${t} (id, a, b) VALUES (3, 1, 10)`, 'CHECK_VIOLATION');
  await root.error(`UPDATE ${t} SET b = 11 WHERE id = 1`, 'CHECK_VIOLATION');
  assert.match(await root.value(`SELECT create_statement FROM (SHOW CREATE TABLE ${t})`).catch(() => root.rows(`SHOW CREATE TABLE ${t}`).then((rows) => rows[0][1])), /CHECK\s*\(+b < 10\)/i);
});

test('a promoted column is filtered on old bounds', async () => {
  const t = await table('id INT PRIMARY KEY, n INT, d DATE, f FLOAT, v VARCHAR(3)');
  await root.ok(`INSERT INTO ${t} VALUES (1, 1, '2024-01-01', 0.1, 'abc'), (2, 2, '2024-01-02', 0.2, 'xyz'), (3, 2147483647, '2024-01-03', 3e38, 'aaa')`);
  await flush(t);
  await root.ok(`ALTER TABLE ${t} ALTER COLUMN n TYPE BIGINT, ALTER COLUMN d TYPE TIMESTAMP, ALTER COLUMN f TYPE DOUBLE, ALTER COLUMN v TYPE TEXT`);
  await root.ok(`INSERT INTO ${t} VALUES (4, 9000000000, '2024-01-02 12:00:00', 0.1, 'abcdef')`);
  await everywhere(t, async () => {
    assert.deepEqual(await ids(t, 'n = 9000000000'), [4]);
    assert.deepEqual(await ids(t, 'n > 2147483647'), [4]);
    assert.deepEqual(await ids(t, 'n < 9000000000'), [1, 2, 3]);
    assert.deepEqual(await ids(t, 'n > 1.5'), [2, 3, 4]);
    assert.deepEqual(await ids(t, 'n <> 9223372036854775807'), [1, 2, 3, 4]);
    assert.deepEqual(await ids(t, "d > TIMESTAMP '2024-01-02 11:00:00'"), [3, 4]);
    assert.deepEqual(await ids(t, "d = TIMESTAMP '2024-01-02 00:00:00'"), [2]);
    assert.deepEqual(await ids(t, "d < TIMESTAMP '2024-01-01 00:00:00.000001'"), [1]);
    assert.deepEqual(await ids(t, 'f = 0.1::DOUBLE'), [4]);
    assert.deepEqual(await ids(t, 'f = 0.1::FLOAT::DOUBLE'), [1]);
    assert.deepEqual(await ids(t, 'f > 1e300'), []);
    assert.deepEqual(await ids(t, "v = 'abcdef'"), [4]);
    assert.deepEqual(await ids(t, "v >= 'abc' AND v < 'abd'"), [1, 4]);
  });
});

test('INT promoted to DOUBLE and to DECIMAL: fractions between old values', async () => {
  const t = await table('id INT PRIMARY KEY, d INT, m INT, b BIGINT');
  await root.ok(`INSERT INTO ${t} VALUES (1, 1, 1, 9007199254740993), (2, 2, 2, -9223372036854775808), (3, NULL, NULL, NULL)`);
  await flush(t);
  await root.ok(`ALTER TABLE ${t} ALTER COLUMN d TYPE DOUBLE, ALTER COLUMN m TYPE DECIMAL(12,2), ALTER COLUMN b TYPE DECIMAL(21,2)`);
  await root.ok(`INSERT INTO ${t} VALUES (4, 1.5, 1.50, 0.01)`);
  await everywhere(t, async () => {
    assert.deepEqual(await ids(t, 'd > 1.5'), [2]);
    assert.deepEqual(await ids(t, 'd >= 1.5'), [2, 4]);
    assert.deepEqual(await ids(t, 'd = 1.5'), [4]);
    assert.deepEqual(await ids(t, 'm = 1.50'), [4]);
    assert.deepEqual(await ids(t, 'm > 1.49 AND m < 2'), [4]);
    assert.deepEqual(await ids(t, 'm = 1'), [1]);
    assert.deepEqual(await root.rows(`SELECT id, b FROM ${t} ORDER BY id`), [[1, '9007199254740993.00'], [2, '-9223372036854775808.00'], [3, null], [4, '0.01']]);
    assert.deepEqual(await ids(t, 'b = 9007199254740993'), [1]);
  });
});

test('compaction across versions changes no answer', async () => {
  const t = await table('id INT PRIMARY KEY, a INT, b TEXT');
  await root.ok(`INSERT INTO ${t} SELECT i, i, 'v1' FROM range(100) r(i)`);
  await flush(t);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN c INT DEFAULT 7`);
  await root.ok(`INSERT INTO ${t} SELECT i, i, 'v2', i FROM range(100, 200) r(i)`);
  await flush(t);
  await root.ok(`ALTER TABLE ${t} DROP COLUMN b, RENAME COLUMN a TO b`);
  await root.ok(`INSERT INTO ${t} SELECT i, i, NULL FROM range(200, 300) r(i)`);
  await flush(t);
  await root.ok(`ALTER TABLE ${t} ALTER COLUMN b TYPE BIGINT`);
  await root.ok(`UPDATE ${t} SET b = 9000000000 WHERE id % 50 = 0`);
  await root.ok(`DELETE FROM ${t} WHERE id % 50 = 1`);
  const all = () => root.rows(`SELECT * FROM ${t} ORDER BY id`);
  const before = await all();
  assert.equal(before.length, 294);
  await flush(t);
  assert.deepEqual(await all(), before);
  await compact(t);
  assert.deepEqual(await all(), before);
  assert.equal(await root.value(`SELECT count(*) FROM ${t} WHERE c = 7`), String(before.filter((row) => row[2] === 7).length));
  await server.restart();
  root = await Client.login(server);
  assert.deepEqual(await all(), before);
});

test('a DATE beyond the range of TIMESTAMP is an error where it is read, and in the way of nothing else', async () => {
  const t = await table('id INT PRIMARY KEY, d DATE, n INT', 'USER');
  const [ann, ben] = [await root.newUser(`ann${tables}`), await root.newUser(`ben${tables}`)];
  await ann.ok(`INSERT INTO ${t} VALUES (1, '300000-01-01', 1), (2, '2024-02-29', 2), (3, '300000-01-02', 3)`);
  await flush(t);
  await ann.ok(`INSERT INTO ${t} VALUES (4, '300000-01-03', 4), (5, '2024-02-29', 5)`);
  await ben.ok(`INSERT INTO ${t} SELECT i, DATE '2024-01-01' + i::INT, i FROM range(20) r(i)`);
  await root.ok(`ALTER TABLE ${t} ALTER COLUMN d TYPE TIMESTAMP`);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN c INT DEFAULT 7`);
  const check = async () => {
    assert.match((await ann.error(`SELECT * FROM ${t}`, 'TYPE_MISMATCH')).message, /column d: date 300000-01-0\d is out of the range of TIMESTAMP/);
    assert.match((await ann.error(`SELECT d FROM ${t} WHERE id = 4`, 'TYPE_MISMATCH')).message, /300000-01-03/);
    assert.deepEqual(await ann.rows(`SELECT id, n, c FROM ${t} ORDER BY id`), [1, 2, 3, 4, 5].map((i) => [i, i, 7]));
    assert.deepEqual(await ann.rows(`SELECT * FROM ${t} WHERE id = 2`), [[2, 1709164800000000, 2, 7]]);
    assert.equal(await ben.value(`SELECT count(d) FROM ${t} WHERE d >= TIMESTAMP '2024-01-01 00:00:00'`), '20');
  };
  await check();
  await flush(t);
  await check();
  await compact(t);
  await check();
  await server.restart();
  root = await Client.login(server);
  Object.assign(ann, await Client.login(server, ann.name, `pw-of-${ann.name}-0123456789`));
  Object.assign(ben, await Client.login(server, ben.name, `pw-of-${ben.name}-0123456789`));
  await check();
  await root.ok(`ALTER TABLE ${t} ALTER COLUMN d SET NOT NULL`);
  await ann.ok(`DELETE FROM ${t} WHERE id IN (1, 3)`);
  await ann.ok(`DELETE FROM ${t} WHERE id = 4`);
  await ann.ok(`INSERT INTO ${t} VALUES (4, '2024-02-29 12:00:00', 4, 8)`);
  await everywhere(t, async () => assert.deepEqual(await ann.rows(`SELECT * FROM ${t} ORDER BY id`), [[2, 1709164800000000, 2, 7], [4, 1709208000000000, 4, 8], [5, 1709164800000000, 5, 7]]));
  await root.ok(`ALTER TABLE ${t} DROP COLUMN d`);
  await everywhere(t, async () => assert.deepEqual(await ann.rows(`SELECT * FROM ${t} WHERE _deleted ORDER BY id`), [[1, 1, 7], [3, 3, 7]]));
});

test('what changes no column of a file is no reason to write it anew', async () => {
  const t = await table('id INT PRIMARY KEY, a INT');
  await root.ok(`INSERT INTO ${t} SELECT i, i FROM range(100) r(i)`);
  await flush(t);
  const merged = async () => Number((await root.rows(`STORAGE COMPACT TABLE ${t} WAIT`))[0][4]);
  await root.ok(`COMMENT ON TABLE ${t} IS 'x'; COMMENT ON COLUMN ${t}.a IS 'x'; ALTER TABLE ${t} SET (FLUSH_POLICY = 'rows:5000'), ALTER COLUMN a SET DEFAULT 5, ALTER COLUMN a SET NOT NULL`);
  assert.equal(await merged(), 0);
  for (const action of ['RENAME COLUMN a TO b', 'ADD COLUMN c INT', 'ALTER COLUMN c TYPE BIGINT', 'DROP COLUMN c']) {
    await root.ok(`ALTER TABLE ${t} ${action}`);
    assert.equal(await merged(), 100, action);
    assert.equal(await merged(), 0, 'once');
  }
});

test('SET NOT NULL counts hot and cold rows, not deleted ones, and other users too', async () => {
  const t = await table('id INT PRIMARY KEY, a INT', 'USER');
  const ann = await root.newUser(`ann${tables}`);
  await ann.ok(`INSERT INTO ${t} VALUES (1, 1), (2, NULL)`);
  await flush(t);
  const error = await root.error(`ALTER TABLE ${t} ALTER COLUMN a SET NOT NULL`, 'NOT_NULL_VIOLATION');
  assert.match(error.message, /\b1\b/, 'the count found');
  await ann.ok(`DELETE FROM ${t} WHERE id = 2`);
  await ann.ok(`INSERT INTO ${t} VALUES (3, NULL)`);
  await root.error(`ALTER TABLE ${t} ALTER COLUMN a SET NOT NULL`, 'NOT_NULL_VIOLATION');
  await ann.ok(`UPDATE ${t} SET a = 3 WHERE id = 3`);
  await root.ok(`ALTER TABLE ${t} ALTER COLUMN a SET NOT NULL`);
  await ann.error(`INSERT INTO ${t} VALUES (4, NULL)`, 'NOT_NULL_VIOLATION');
  await ann.error(`UPDATE ${t} SET a = NULL`, 'NOT_NULL_VIOLATION');
  await flush(t);
  assert.deepEqual(await ann.rows(`SELECT * FROM ${t} ORDER BY id`), [[1, 1], [3, 3]]);
});

test('set_not_null_with_concurrent_null: never both', async () => {
  for (let round = 0; round < 8; round++) {
    const t = await table('id INT PRIMARY KEY, a INT');
    await root.ok(`INSERT INTO ${t} SELECT i, i FROM range(3000) r(i)`);
    if (round % 2) await flush(t);
    const [altered, inserted] = await Promise.all([root.request(`ALTER TABLE ${t} ALTER COLUMN a SET NOT NULL`), root.request(`INSERT INTO ${t} VALUES (5000, NULL)`)]);
    const nulls = Number(await root.value(`SELECT count(*) FROM ${t} WHERE a IS NULL`));
    const done = altered.body.status === 'success';
    assert.equal(nulls, inserted.body.status === 'success' ? 1 : 0);
    assert.ok(!(done && nulls), 'the column is NOT NULL and holds a NULL');
    if (!done) assert.ok(['NOT_NULL_VIOLATION', 'SCHEMA_CHANGED'].includes(altered.body.error.code), altered.body.error.code);
    if (inserted.body.status !== 'success') assert.ok(['NOT_NULL_VIOLATION', 'SCHEMA_CHANGED'].includes(inserted.body.error.code), inserted.body.error.code);
  }
});

test('ALTER during a flush', async () => {
  for (let round = 0; round < 6; round++) {
    const t = await table('id INT PRIMARY KEY, a INT, b TEXT');
    await root.ok(`INSERT INTO ${t} SELECT i, i, 'x' || i FROM range(4000) r(i)`);
    await Promise.all([flush(t), root.ok(`ALTER TABLE ${t} ADD COLUMN c INT DEFAULT 3`), root.ok(`UPDATE ${t} SET a = -1 WHERE id = 7`)]);
    await root.ok(`ALTER TABLE ${t} RENAME COLUMN a TO a2, DROP COLUMN b`);
    assert.deepEqual(await root.rows(`SELECT count(*), sum(c), count(*) FILTER (WHERE a2 = -1), sum(a2) FROM ${t}`), [['4000', '12000', '1', String((3999 * 4000) / 2 - 8)]]);
  }
});

test('a row deleted during a flush does not come back', async () => {
  const t = await table('id INT PRIMARY KEY, a INT');
  await root.ok(`INSERT INTO ${t} SELECT i, i FROM range(5000) r(i)`);
  await Promise.all([flush(t), ...Array.from({ length: 20 }, (_, i) => root.ok(`DELETE FROM ${t} WHERE id = ${i * 200}`))]);
  const count = () => root.value(`SELECT count(*) FROM ${t}`);
  assert.equal(await count(), '4980');
  await server.restart();
  root = await Client.login(server);
  assert.equal(await count(), '4980');
  await flush(t);
  await compact(t);
  assert.equal(await count(), '4980');
});

test('eight clients alter at once: consecutive versions, none lost, every reader whole', async () => {
  const t = await table('id INT PRIMARY KEY, a INT');
  await root.ok(`INSERT INTO ${t} SELECT i, i FROM range(50) r(i)`);
  const stop = { now: false };
  let reads = 0;
  const reader = (async () => {
    while (!stop.now) {
      const [{ schema, rows }] = await root.ok(`SELECT * FROM ${t} ORDER BY id`);
      assert.equal(rows.length, 50);
      assert.ok(rows.every((row) => row.length === schema.length));
      for (const [i, c] of schema.entries()) if (/^c\d+_\d+$/.test(c.name)) assert.ok(rows.every((row) => row[i] === Number(c.name.split('_')[1])), `${c.name} does not read as its default`);
      reads++;
    }
  })();
  let made = 0;
  await Promise.all(Array.from({ length: 8 }, async (_, n) => {
    for (let i = 0; i < 6; i++) {
      for (;;) {
        const { body } = await root.request(`ALTER TABLE ${t} ADD COLUMN c${n}_${i} INT DEFAULT ${i}`);
        if (body.status === 'success') break;
        assert.equal(body.error.code, 'SCHEMA_CHANGED');
      }
      made++;
    }
  }));
  stop.now = true;
  await reader;
  const history = await root.rows(`DESCRIBE ${t} HISTORY`);
  assert.deepEqual(history.map((row) => row[0]), Array.from({ length: made + 1 }, (_, i) => i + 1));
  assert.equal(new Set(history.map((row) => row[3])).size, made + 1);
  assert.equal((await root.rows(`DESCRIBE ${t}`)).length, made + 2);
  assert.ok(reads > 0);
});

test('writes beside ALTERs: none fails but by SCHEMA_CHANGED, none is lost', async () => {
  const t = await table('id INT PRIMARY KEY, a INT');
  const stop = { now: false };
  let written = 0;
  const writers = [0, 1, 2].map(async (lane) => {
    for (let i = 0; !stop.now; i++) {
      const { body } = await root.request(`INSERT INTO ${t} (id, a) VALUES (${lane * 1_000_000 + i}, ${i})`, undefined, { 'x-durability': 'wal' });
      if (body.status === 'success') written++;
      else assert.equal(body.error.code, 'SCHEMA_CHANGED', JSON.stringify(body.error));
    }
  });
  for (let i = 0; i < 30; i++) await root.ok(i % 3 === 2 ? `ALTER TABLE ${t} DROP COLUMN x${i - 1}` : `ALTER TABLE ${t} ADD COLUMN x${i} INT DEFAULT ${i}`);
  stop.now = true;
  await Promise.all(writers);
  assert.equal(await root.value(`SELECT count(*) FROM ${t}`), String(written));
  assert.equal(await root.value(`SELECT count(*) FROM ${t} WHERE x0 = 0`), String(written));
});

test('a live query stays whole across ALTERs and a resume across versions', async () => {
  const t = await table('id INT PRIMARY KEY, a INT, b TEXT');
  await root.ok(`INSERT INTO ${t} VALUES (1, 1, 'x')`);
  const live = await root.live();
  live.subscribe('star', `SELECT * FROM ${t}`, {});
  live.subscribe('named', `SELECT id, a FROM ${t} WHERE a < 100`, {});
  await live.ready('star');
  await live.ready('named');
  const from = live.of('star')[0].seq;
  await root.ok(`ALTER TABLE ${t} RENAME COLUMN a TO z`);
  await root.ok(`INSERT INTO ${t} VALUES (2, 2, 'y')`);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN c INT DEFAULT 5, DROP COLUMN b`);
  await root.ok(`UPDATE ${t} SET z = z + 1`);
  await root.ok(`ALTER TABLE ${t} ALTER COLUMN z TYPE BIGINT`);
  await root.ok(`DELETE FROM ${t} WHERE id = 1`);
  await live.count('star', 'change', 3);
  await live.count('named', 'change', 3);
  const star = live.of('star').filter((f) => f.type === 'change' || f.type === 'schema_change');
  assert.deepEqual(star.map((f) => f.type), ['schema_change', 'change', 'schema_change', 'change', 'schema_change', 'change']);
  assert.ok(star.every((f, i) => i === 0 || BigInt(f.seq) > BigInt(star[i - 1].seq)), 'frames in order');
  assert.deepEqual(star[0].schema.map((c) => c.name).filter((name) => !name.startsWith('_')), ['id', 'z', 'b']);
  const plain = ({ _seq, ...row }) => row;
  assert.deepEqual(plain(star[1].rows[0]), { id: 2, z: 2, b: 'y' });
  assert.equal(star[2].schema.find((c) => c.name === 'c').initial_default, 5);
  assert.deepEqual(star[3].rows.map(plain), [{ id: 1, z: 2, c: 5 }, { id: 2, z: 3, c: 5 }]);
  assert.deepEqual(plain(star[5].old_values[0]), { id: 1, z: '2', c: 5 });
  const named = live.of('named').filter((f) => f.type === 'change');
  assert.deepEqual(named[0].rows.map(plain), [{ id: 2, a: 2 }]);
  live.subscribe('resumed', `SELECT * FROM ${t}`, { from });
  const resumed = await live.count('resumed', 'change', 3);
  const frames = live.of('resumed');
  assert.deepEqual(frames.slice(0, 2).map((f) => f.type), ['subscription_ack', 'schema_change']);
  assert.deepEqual([frames[1].old_version, frames[1].new_version, frames[1].seq], [1, 4, from]);
  assert.deepEqual(resumed.map((f) => (f.rows ?? f.old_values).map(plain)), [[{ id: 2, z: '2', c: 5 }], [{ id: 1, z: '2', c: 5 }, { id: 2, z: '3', c: 5 }], [{ id: 1, z: '2', c: 5 }]]);
  await live.close();
});

test('DROP COLUMN: a live query that names it is in the way; CASCADE ends it; * does not name it', async () => {
  const t = await table('id INT PRIMARY KEY, a INT, b INT');
  const live = await root.live();
  live.subscribe('star', `SELECT * FROM ${t}`, {});
  live.subscribe('names', `SELECT id, a FROM ${t}`, {});
  live.subscribe('filters', `SELECT id FROM ${t} WHERE b > 0`, {});
  for (const id of ['star', 'names', 'filters']) await live.ready(id);
  await root.error(`ALTER TABLE ${t} DROP COLUMN a`, 'DEPENDENT_OBJECTS');
  await root.error(`ALTER TABLE ${t} DROP COLUMN b RESTRICT`, 'DEPENDENT_OBJECTS');
  await root.ok(`ALTER TABLE ${t} RENAME COLUMN a TO a2`);
  await root.error(`ALTER TABLE ${t} DROP COLUMN a2`, 'DEPENDENT_OBJECTS');
  const [{ message }] = await root.ok(`ALTER TABLE ${t} DROP COLUMN b CASCADE`);
  assert.match(message, /live query \d+ of root ended/, 'what CASCADE takes along is named');
  const closed = await live.next((f) => f.type === 'subscription_closed', 'subscription_closed');
  assert.deepEqual([closed.subscription_id, closed.reason], ['filters', 'column_dropped']);
  live.send({ type: 'unsubscribe', subscription_id: 'names' });
  await until(async () => (await root.request(`ALTER TABLE ${t} DROP COLUMN a2`)).body.status === 'success', 'DROP after unsubscribe');
  await root.ok(`INSERT INTO ${t} VALUES (1)`);
  await live.count('star', 'change', 1);
  await live.close();
});

test('predicates keep their meaning through RENAME swap', async () => {
  const t = await table('id INT PRIMARY KEY, a INT, b INT');
  const live = await root.live();
  live.subscribe('s', `SELECT id, a FROM ${t} WHERE a > 10`, {});
  await live.ready('s');
  await root.ok(`ALTER TABLE ${t} RENAME COLUMN a TO tmp, RENAME COLUMN b TO a, RENAME COLUMN tmp TO b`);
  await root.ok(`INSERT INTO ${t} (id, a, b) VALUES (1, 100, 1)`);
  await root.ok(`INSERT INTO ${t} (id, a, b) VALUES (2, 1, 100)`);
  const [change] = await live.count('s', 'change', 1);
  assert.deepEqual(change.rows.map(({ id, a }) => [id, a]), [[2, 100]]);
  await live.close();
});

test('three hundred versions: DESCRIBE, HISTORY and the oldest rows are right', async () => {
  const t = await table('id INT PRIMARY KEY, a INT');
  await root.ok(`INSERT INTO ${t} VALUES (1, 1)`);
  await flush(t);
  const r = random(5);
  for (let i = 0; i < 300; i += 3) {
    await root.ok(`ALTER TABLE ${t} ADD COLUMN x${i} INT DEFAULT ${i}`, undefined, { 'x-durability': 'wal' });
    await root.ok(`ALTER TABLE ${t} RENAME COLUMN x${i} TO y${i}`, undefined, { 'x-durability': 'wal' });
    if (r.below(2)) await root.ok(`ALTER TABLE ${t} DROP COLUMN y${i}`, undefined, { 'x-durability': 'wal' });
    else await root.ok(`ALTER TABLE ${t} ALTER COLUMN y${i} TYPE BIGINT`, undefined, { 'x-durability': 'wal' });
  }
  const versions = (await root.rows(`DESCRIBE ${t} HISTORY`)).map((row) => row[0]);
  assert.deepEqual(versions, Array.from({ length: 301 }, (_, i) => i + 1));
  const [{ schema, rows }] = await root.ok(`SELECT * FROM ${t}`);
  for (const [i, c] of schema.entries()) if (c.name.startsWith('y')) assert.equal(rows[0][i], c.name.slice(1));
  assert.equal((await root.rows(`DESCRIBE ${t} AT VERSION 2`)).length, 3);
  await root.error(`DESCRIBE ${t} AT VERSION 9999`, 'NOT_FOUND');
});

test('a view under drop and re-add, a rename swap and a widened column, over every kind of rows', async () => {
  const t = await table('id INT PRIMARY KEY, a INT, b INT, gone TEXT');
  const v = `${t}_v`;
  await root.ok(`INSERT INTO ${t} VALUES (1, 10, 20, 'old'), (2, 11, 21, 'old')`);
  await root.ok(`CREATE VIEW ${v} AS SELECT id, a, b FROM ${t} WHERE a < 2000000000`);
  await flush(t);
  await root.ok(`ALTER TABLE ${t} DROP COLUMN gone`);
  await root.ok(`ALTER TABLE ${t} ADD COLUMN gone TEXT`);
  await root.ok(`ALTER TABLE ${t} RENAME COLUMN a TO x, RENAME COLUMN b TO a, RENAME COLUMN x TO b`);
  await root.ok(`INSERT INTO ${t} (id, b, a) VALUES (3, 12, 22)`);
  await root.ok(`ALTER TABLE ${t} ALTER COLUMN b TYPE BIGINT`);
  await root.ok(`INSERT INTO ${t} (id, b, a) VALUES (4, 5000000000, 23)`);
  await everywhere(t, async () => {
    assert.deepEqual((await root.rows(`SELECT id, a, b FROM ${v} ORDER BY id`)).map((row) => row.map(Number)), [[1, 10, 20], [2, 11, 21], [3, 12, 22]]);
    assert.equal(await root.value(`SELECT count(gone) FROM ${t}`), '0');
  });
  const named = await root.error(`ALTER TABLE ${t} DROP COLUMN b`, 'DEPENDENT_OBJECTS');
  assert.match(named.message, new RegExp(`column b of ${t} is named by view ${v}$`));
  await root.ok(`ALTER TABLE ${t} DROP COLUMN gone`);
});

test('views depend on what they read, in chains and beside each other, while columns come and go', async () => {
  const t = await table('id INT PRIMARY KEY, a INT, b INT, c INT');
  const u = await table('id INT PRIMARY KEY, a INT, b INT, c INT');
  await root.ok(`CREATE VIEW ${t}_1 AS SELECT t.id, t.a, u.b FROM ${t} AS t JOIN ${u} AS u ON t.id = u.id`);
  await root.ok(`CREATE VIEW ${t}_2 AS SELECT id, a FROM ${t}_1`);
  await root.ok(`CREATE VIEW ${t}_3 AS SELECT id FROM ${t}_1 WHERE b > 0`);
  await root.ok(`INSERT INTO ${t} VALUES (1, 1, 1, 1)`);
  await root.ok(`INSERT INTO ${u} VALUES (1, 2, 2, 2)`);
  for (const [of, column] of [[t, 'b'], [t, 'c'], [u, 'a'], [u, 'c']]) {
    await root.ok(`ALTER TABLE ${of} DROP COLUMN ${column}`);
    await root.ok(`ALTER TABLE ${of} ADD COLUMN ${column} INT DEFAULT 7`);
  }
  assert.deepEqual(await root.rows(`SELECT id, a, b FROM ${t}_1`), [[1, 1, 2]]);
  for (const [of, column] of [[t, 'a'], [u, 'b']]) {
    const { message } = await root.error(`ALTER TABLE ${of} DROP COLUMN ${column}`, 'DEPENDENT_OBJECTS');
    assert.ok(message.endsWith(`is named by view ${t}_1`), message);
  }
  const [{ message }] = await root.ok(`ALTER TABLE ${u} DROP COLUMN b CASCADE`);
  for (const n of [1, 2, 3]) {
    assert.ok(message.includes(`${t}_${n}`), message);
    await root.error(`SELECT * FROM ${t}_${n}`, 'TABLE_NOT_FOUND');
  }
});

let passed = 0;
let failed = 0;
// Segments merge when a test says so.
server = await Server.start({ flags: ['--limits.auth_per_second', '1000', '--storage.auto_compaction', 'false'] });
root = await Client.login(server);
await root.ok('CREATE NAMESPACE app');
for (const { name, run } of tests) {
  if (process.argv[2] && !name.includes(process.argv[2])) continue;
  const start = Date.now();
  try {
    await run();
    passed++;
    console.log(`ok   ${name} (${Date.now() - start} ms)`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${name}: ${error.stack.slice(0, 4000)}`);
    if (server.exit !== null) await server.launch();
    root = await Client.login(server);
  }
}
await server.close().catch((error) => { failed++; console.log(`FAIL ${error.message}`); });
report(passed, failed);
