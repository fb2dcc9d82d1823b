// What replies say beyond their rows: late errors, positions inside commands, flags and system columns of RETURNING.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Server } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

let server;
let root;
const files = mkdtempSync(path.join(tmpdir(), 'kalamdb-copy-'));
before(async () => {
  server = await Server.start({ flags: ['--storage.copy_directories', files] });
  root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app; CREATE TABLE app.t (id BIGINT PRIMARY KEY, n INT, s TEXT NOT NULL)');
});
after(async () => {
  await server.close();
  rmSync(files, { recursive: true, force: true });
});

const late = "SELECT CASE WHEN x < 200000 THEN x ELSE CAST('z' || x AS INT) END FROM range(300000) t(x)";

test('an error behind the first rows of a long result is told as what it is', async () => {
  const error = await root.error(late, 'TYPE_MISMATCH');
  assert.equal(error.http, 400);
  assert.equal(error.position, late.indexOf('CAST') + 1);
  const { status, body } = await root.request(late, undefined, { accept: 'application/x-ndjson' });
  assert.equal(status, 200);
  const last = JSON.parse(body.trimEnd().split('\n').at(-1));
  assert.equal(last.error.code, 'TYPE_MISMATCH');
  const slow = await root.error('SELECT x FROM range(100000000000) t(x)', 'TIMEOUT', undefined, { 'x-statement-timeout': '300' });
  assert.equal(slow.http, 408);
});

test('positions in the SELECT of a command are positions in the text that was sent', async () => {
  const at = async (sql, word, code) => {
    const error = await root.error(sql, code);
    assert.equal(error.position, [...sql.slice(0, sql.indexOf(word))].length + 1, sql);
  };
  await at('CREATE TABLE app.made AS SELECT * FROM app.nope', 'app.nope', 'TABLE_NOT_FOUND');
  await at("SELECT 'ä'; CREATE TABLE app.made AS SELECT id, nope FROM app.t", 'nope', 'COLUMN_NOT_FOUND');
  await at("CREATE TABLE app.made AS SELECT 'ü' AS u, CAST('x' AS INT) AS a", 'CAST', 'TYPE_MISMATCH');
  await at('CREATE VIEW app.v AS\n  SELECT id,\n  nope FROM app.t', 'nope', 'COLUMN_NOT_FOUND');
  await at('CREATE VIEW app.v AS SELECT * FROM app.nope', 'app.nope', 'TABLE_NOT_FOUND');
  await at("SELECT 'ä'; INSERT INTO app.nope VALUES (1)", 'app.nope', 'TABLE_NOT_FOUND');
  await at('WITH c AS (SELECT 1 AS a) INSERT INTO nope SELECT a FROM c', 'nope', 'TABLE_NOT_FOUND');
  await at('INSERT INTO default.nope VALUES (1)', 'default.nope', 'TABLE_NOT_FOUND');
  const check = await root.error('CREATE TABLE app.made (id INT PRIMARY KEY, CHECK (nope > 1))', 'COLUMN_NOT_FOUND');
  assert.equal(check.position, undefined);
  await root.ok("CREATE VIEW app.bad AS SELECT id, CAST(s AS INT) AS n FROM app.t; INSERT INTO app.t VALUES (1, 1, 'x')");
  const inside = await root.error('SELECT * FROM app.bad', 'TYPE_MISMATCH');
  assert.equal(inside.position, undefined);
});

test('RETURNING says what was committed, with the flags of the table', async () => {
  const flags = async (sql) => (await root.ok(sql))[0].schema.map((column) => column.flags ?? []);
  assert.deepEqual(await flags("INSERT INTO app.t SELECT 2, 2, 'b' RETURNING *"), [['pk', 'nn'], [], ['nn']]);
  assert.deepEqual(await flags("UPDATE app.t SET n = n + 1 WHERE id = 2 RETURNING id, n + 1, s"), [['pk', 'nn'], [], ['nn']]);
  for (const sql of ["INSERT INTO app.t VALUES (3, 3, 'c') RETURNING id, _seq, _updated, _version, _deleted, _user_id",
    "INSERT INTO app.t SELECT 4, 4, 'd' RETURNING id, _seq, _updated, _version, _deleted, _user_id",
    'UPDATE app.t SET n = 7 WHERE id = 4 RETURNING id, _seq, _updated, _version, _deleted, _user_id',
    "INSERT INTO app.t VALUES (4, 1, 'e') ON CONFLICT (id) DO UPDATE SET s = excluded.s RETURNING id, _seq, _updated, _version, _deleted, _user_id",
    'DELETE FROM app.t WHERE id = 4 RETURNING id, _seq, _updated, _version, _deleted, _user_id']) {
    const [result] = await root.ok(sql);
    assert.deepEqual(result.schema.slice(1).map((c) => [c.name, c.data_type]),
      [['_seq', 'BigInt'], ['_updated', 'Timestamp'], ['_version', 'Int'], ['_deleted', 'Boolean'], ['_user_id', 'Text']]);
    const [id] = result.rows[0];
    const kept = await root.rows('SELECT id, _seq, _updated, _version, _deleted, _user_id FROM app.t WHERE id = $1 AND (_deleted OR NOT _deleted)', [id]);
    assert.deepEqual(result.rows, kept, sql);
  }
  const [keyless] = await root.ok('CREATE TABLE app.k (v INT); INSERT INTO app.k SELECT x FROM range(5000) r(x)').then(() => root.ok('UPDATE app.k SET v = v + 1 WHERE v % 2 = 0 RETURNING v, _id AS key, _seq'));
  const now = new Map(await root.rows('SELECT _id, v FROM app.k'));
  assert.equal(keyless.rows.length, 2500);
  for (const [v, key] of keyless.rows) assert.equal(now.get(key), v);
});

test('CREATE TABLE AS takes parameters that nothing gives a type', async () => {
  await root.ok('CREATE TABLE app.p AS SELECT $1 AS a, $2 AS b, id, $3 AS c FROM app.t WHERE id = $4', [5, 'x', 1.5, '1']);
  const [result] = await root.ok('SELECT * FROM app.p');
  assert.deepEqual(result.schema.map((c) => c.data_type), ['BigInt', 'Text', 'BigInt', 'Double']);
  assert.deepEqual(result.rows, [['5', 'x', '1', 1.5]]);
});

test('COPY tells line and column of what is wrong, and no path', async () => {
  writeFileSync(path.join(files, 'bad.csv'), 'id,n,s\n1,1,a\nx,2,b\n');
  writeFileSync(path.join(files, 'no.parquet'), 'this is no parquet file');
  writeFileSync(path.join(files, 'bad.json'), '{"id": 1, "n": 1, "s": "a"}\n{"id": ');
  const csv = await root.error(`COPY app.t FROM '${files}/bad.csv'`, 'TYPE_MISMATCH');
  assert.match(csv.message, /line 3/);
  assert.match(csv.message, /id/);
  for (const name of ['bad.csv', 'no.parquet', 'bad.json']) {
    const error = await root.error(`COPY app.t FROM '${files}/${name}'`);
    assert.ok(error.http === 400, JSON.stringify(error));
    assert.ok(!JSON.stringify(error).includes(files), JSON.stringify(error));
    assert.equal(error.position, undefined);
  }
});

test('what SHOW CREATE TABLE prints of a view makes the same view again', async () => {
  await root.ok('CREATE TABLE app.seen (id INT PRIMARY KEY, v INT, name TEXT); INSERT INTO app.seen VALUES (1, 1, \'a\'), (2, 2, \'b\'); ALTER TABLE app.seen RENAME v TO "V ü"');
  for (const select of [
    'SELECT id, ["V ü"] AS l, {\'a\': "V ü"} AS s, "V ü"::TEXT || \'it\'\'s\' AS t, count(*) OVER () AS n FROM app.seen',
    'SELECT count(*) AS c, upper(name) AS u FROM app.seen GROUP BY name HAVING count(*) > 0 ORDER BY 2',
    'SELECT * FROM app.seen a LEFT JOIN (SELECT id AS id2, "v Ü" AS v2 FROM app.seen) b ON a.id = b.id2',
    'WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r',
    'SELECT s.id, k.value AS val FROM app.seen s, json_each(\'[1]\') k',
  ]) {
    await root.ok(`CREATE VIEW app.again AS ${select}`);
    const before = (await root.ok('SELECT * FROM app.again'))[0];
    const text = (await root.rows('SHOW CREATE TABLE app.again'))[0][1];
    await root.ok(`DROP VIEW app.again; ${text}`);
    assert.deepEqual((await root.ok('SELECT * FROM app.again'))[0], before, text);
    await root.ok('DROP VIEW app.again');
  }
});

test('tables, views and tables of the system are described in one shape', async () => {
  await root.ok('CREATE TABLE app.shape (id INT PRIMARY KEY); CREATE VIEW app.shapes AS SELECT id FROM app.shape');
  const shapes = await Promise.all(['app.shape', 'app.shapes', 'system.limits', 'information_schema.tables'].map((name) => root.ok(`DESCRIBE ${name}`)));
  for (const [shape] of shapes) assert.deepEqual(shape.schema, shapes[0][0].schema);
  assert.deepEqual(shapes[2][0].rows[0], ['name', 1, null, 'TEXT', true, false, null, null, null, 'SYSTEM', null, null, null, null]);
});
