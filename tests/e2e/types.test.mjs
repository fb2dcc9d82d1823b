// Each type over HTTP: its data_type, its form in replies, NDJSON, live rows, and as a parameter there and back.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Server } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

let server;
let root;
before(async () => {
  server = await Server.start();
  root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app');
});
after(() => server.close());

// column, data_type in the schema, value as a reply carries it
const columns = [
  ['b BOOLEAN', 'Boolean', true],
  ['si SMALLINT', 'SmallInt', -32768],
  ['i INT', 'Int', 2147483647],
  ['bi BIGINT', 'BigInt', '-9223372036854775808'],
  ['f FLOAT', 'Float', 0.1],
  ['d DOUBLE', 'Double', 0.1],
  ['d2 DOUBLE', 'Double', 1.7976931348623157e308],
  ['d3 DOUBLE', 'Double', 5e-324],
  ['de DECIMAL(10,2)', { Decimal: { precision: 10, scale: 2 } }, '-12345678.90'],
  ['dn DECIMAL(38,0)', { Decimal: { precision: 38, scale: 0 } }, '99999999999999999999999999999999999999'],
  ['t TEXT', 'Text', 'quote " slash \\ tab \t nul-free \u0001 é 🙂'],
  ['v VARCHAR(5)', 'Text', 'abcde'],
  ['j JSON', 'Json', '{"a":[1,2,{"b":null}]}'],
  ['u UUID', 'Uuid', '0e37df36-f698-11e6-8dd4-cb9ced3df976'],
  ['y BYTES', 'Bytes', Buffer.from([0, 1, 254, 255]).toString('base64')],
  ['da DATE', 'Date', -719162],
  ['ti TIME', 'Time', 86399999999],
  ['ts TIMESTAMP', 'Timestamp', -1],
  ['tz TIMESTAMPTZ', 'DateTime', 1704067200000001],
  ['e EMBEDDING(3)', { Embedding: 3 }, [1, -2.5, 0.1]],
];

test('every type goes in as a parameter and comes out the same: hot, cold, NDJSON, live', async () => {
  await root.ok(`CREATE TABLE app.t (id INT PRIMARY KEY, ${columns.map(([c]) => c).join(', ')})`);
  const live = await root.live();
  live.subscribe('s', 'SELECT * FROM app.t', {});
  await live.ready('s');
  await root.ok(`INSERT INTO app.t VALUES (1, ${columns.map((_, i) => `$${i + 1}`).join(', ')})`, columns.map(([, , v]) => v));
  await root.ok(`INSERT INTO app.t VALUES (2, ${columns.map(() => 'NULL').join(', ')})`);
  const expected = [[1, ...columns.map(([, , v]) => v)], [2, ...columns.map(() => null)]];
  for (const when of ['hot', 'cold']) {
    const [{ schema, rows }] = await root.ok('SELECT * FROM app.t ORDER BY id');
    assert.deepEqual(schema.map((c) => c.data_type), ['Int', ...columns.map(([, type]) => type)], when);
    assert.deepEqual(schema.map((c) => c.index), schema.map((_, i) => i));
    assert.deepEqual(rows, expected, when);
    assert.deepEqual(await root.rows('SELECT * FROM app.t WHERE id = 1'), [expected[0]], `${when}, by key`);
    for (const [i, [column, , value]] of columns.entries()) {
      if (/^(e|j) /.test(column)) continue;
      const name = column.split(' ')[0];
      assert.deepEqual(await root.rows(`SELECT id FROM app.t WHERE ${name} = $1`, [value]), [[1]], `${when}: ${column} = parameter ${i}`);
    }
    const ndjson = await fetch(`${server.url}/v1/api/sql`, { method: 'POST', headers: { authorization: `Bearer ${root.token}`, accept: 'application/x-ndjson' }, body: JSON.stringify({ sql: 'SELECT * FROM app.t ORDER BY id' }) });
    const lines = (await ndjson.text()).trim().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(lines.slice(1, 3), expected, `${when}, NDJSON`);
    await root.ok('STORAGE FLUSH TABLE app.t WAIT');
  }
  const changes = await live.count('s', 'change', 2);
  for (const [i, [column, , value]] of columns.entries()) assert.deepEqual(changes[0].rows[0][column.split(' ')[0]], value, `live ${column} ${i}`);
  live.subscribe('again', 'SELECT * FROM app.t', {});
  await live.ready('again');
  const [batch] = live.of('again').filter((f) => f.type === 'initial_data_batch');
  for (const [column, , value] of columns) assert.deepEqual(batch.rows[0][column.split(' ')[0]], value, `live snapshot ${column}`);
  assert.ok(columns.every(([column]) => batch.rows[1][column.split(' ')[0]] === null), 'NULL is sent as null');
  await live.close();
});

test('odd numbers and expressions', async () => {
  const [{ schema, rows }] = await root.ok("SELECT 'nan'::DOUBLE AS n, 'infinity'::FLOAT AS i, '-infinity'::DOUBLE AS m, 170141183460469231731687303715884105727::HUGEINT AS h, [1, 2] AS l, {'a': 1, 'b': 'x'} AS s, INTERVAL 1 DAY AS iv, 5::UTINYINT AS u, NULL AS nothing, -0.0::DOUBLE AS z, 1e23 AS big, [NULL, 9007199254740993] AS deep");
  assert.deepEqual(rows[0].slice(0, 4), ['NaN', 'Infinity', '-Infinity', '170141183460469231731687303715884105727']);
  assert.deepEqual(rows[0].slice(4, 6), [[1, 2], { a: 1, b: 'x' }]);
  assert.equal(rows[0][7], 5);
  assert.equal(rows[0][8], null);
  assert.equal(rows[0][10], 1e23);
  assert.deepEqual(rows[0][11], [null, '9007199254740993']);
  assert.equal(schema[3].data_type, 'HUGEINT');
  assert.equal(schema[4].data_type, 'INTEGER[]');
  assert.equal(schema[6].data_type, 'INTERVAL');
});

test('parameters: types by what the statement asks, else by their JSON type', async () => {
  await root.ok('CREATE TABLE app.p (id BIGINT PRIMARY KEY, n SMALLINT, d DECIMAL(6,2), at TIMESTAMP, j JSON)');
  assert.deepEqual(await root.rows('SELECT typeof($1), typeof($2), typeof($3), typeof($4)', [1, 1.5, 'x', true]), [['BIGINT', 'DOUBLE', 'VARCHAR', 'BOOLEAN']]);
  assert.deepEqual(await root.value('SELECT $1', [[1, 2, 3]]), ['1', '2', '3']);
  await root.ok('INSERT INTO app.p VALUES ($1, $2, $3, $4, $5)', ['5', '7', '12.34', '2024-01-01 00:00:00', '{"x":1}']);
  assert.deepEqual(await root.rows('SELECT id, n, d, at FROM app.p'), [['5', 7, '12.34', 1704067200000000]]);
  assert.deepEqual(await root.rows('SELECT id FROM app.p WHERE id = $1 AND n = $2 AND d = $3 AND at = $4', [5, 7, 12.34, 1704067200000000]), [['5']]);
  assert.deepEqual(await root.rows('SELECT id FROM app.p WHERE id IN ($1, $2) AND at BETWEEN $3 AND $4', [5, 6, '2023-01-01', '2025-01-01']), [['5']]);
  for (const [sql, params] of [['INSERT INTO app.p (id, n) VALUES (6, $1)', [40000]], ['INSERT INTO app.p (id, d) VALUES (6, $1)', ['not a number']], ['SELECT * FROM app.p WHERE id = $1', [1.5]], ['SELECT * FROM app.p WHERE at = $1', ['yesterday']], ['INSERT INTO app.p (id, j) VALUES (6, $1)', ['{']]]) {
    await root.error(sql, 'INVALID_PARAMETER', params);
  }
  assert.deepEqual((await root.ok('SELECT $1 + 1; SELECT $2 || ($1 + 1)', [1, 'a'])).map((r) => r.rows), [[['2']], [['a2']]]);
  await root.error('SELECT $1; SELECT $3', 'INVALID_PARAMETER', [1, 2, 3]);
  await root.error('SELECT $0', undefined, [1]);
});
