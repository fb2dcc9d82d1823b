// Schema changes as operators and plain users meet them: rights under auth.allow_user_ddl, the log event, the metric.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Server } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

let server;
let root;
before(async () => {
  server = await Server.start({ flags: ['--auth.allow_user_ddl', 'true', '--limits.auth_per_second', '1000'] });
  root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app');
});
after(() => server.close());

test('allow_user_ddl: a plain user alters what they created, of any kind, and nothing else', async () => {
  await root.ok(`CREATE SHARED TABLE app.open (id INT PRIMARY KEY, a INT) WITH (ACCESS_LEVEL = 'PUBLIC_WRITE'); CREATE USER TABLE app.theirs (id INT PRIMARY KEY, a INT); CREATE SHARED TABLE app.hidden (id INT PRIMARY KEY, a INT)`);
  const [ann, ben, svc] = [await root.newUser('ann'), await root.newUser('ben'), await root.newUser('svc', 'service')];
  await ann.ok(`CREATE SHARED TABLE app.s (id INT PRIMARY KEY, a INT) WITH (ACCESS_LEVEL = 'PUBLIC_WRITE'); CREATE USER TABLE app.u (id INT PRIMARY KEY, a INT); CREATE STREAM TABLE app.e (id INT PRIMARY KEY, a INT) WITH (TTL_SECONDS = 5); CREATE SHARED TABLE app.private (id INT PRIMARY KEY, a INT)`);
  for (const t of ['s', 'u', 'private']) await ann.ok(`ALTER TABLE app.${t} ADD COLUMN b INT DEFAULT 1, RENAME COLUMN a TO z, ALTER COLUMN z TYPE BIGINT; COMMENT ON TABLE app.${t} IS 'mine'; COMMENT ON COLUMN app.${t}.b IS 'mine'; ALTER TABLE app.${t} SET (FLUSH_POLICY = 'rows:10'); STORAGE FLUSH TABLE app.${t} WAIT; STORAGE COMPACT TABLE app.${t} WAIT`);
  await ann.ok('ALTER STREAM TABLE app.e SET (TTL_SECONDS = 6)');
  await ann.error('ALTER TABLE app.e ADD COLUMN b INT', 'UNSUPPORTED');
  for (const what of ['ADD COLUMN x INT', 'SET (FLUSH_POLICY = \'rows:5\')', 'RENAME TO y', 'DROP COLUMN a']) {
    for (const t of ['open', 'theirs']) await ann.error(`ALTER TABLE app.${t} ${what}`, 'PERMISSION_DENIED');
    await ann.error(`ALTER TABLE app.hidden ${what}`, 'TABLE_NOT_FOUND');
    for (const other of [ben, svc]) await other.error(`ALTER TABLE app.u ${what}`, 'PERMISSION_DENIED');
    await ben.error(`ALTER TABLE app.private ${what}`, 'TABLE_NOT_FOUND');
  }
  for (const sql of ['COMMENT ON TABLE app.open IS \'x\'', 'COMMENT ON COLUMN app.theirs.a IS \'x\'', 'DROP TABLE app.open', 'STORAGE FLUSH TABLE app.open WAIT', 'STORAGE COMPACT TABLE app.theirs WAIT']) await ann.error(sql, 'PERMISSION_DENIED');
  for (const sql of ['COMMENT ON TABLE app.hidden IS \'x\'', 'DROP TABLE app.hidden', 'STORAGE FLUSH TABLE app.hidden WAIT']) await ann.error(sql, 'TABLE_NOT_FOUND');
  for (const sql of ['CREATE NAMESPACE more', 'CREATE VIEW app.v AS SELECT 1 AS a', 'DROP VIEW app.v']) await ann.error(sql, 'PERMISSION_DENIED');
  // What ann wrote is hers alone to read, but an admin may alter it, and run as her.
  await root.ok('ALTER TABLE app.u ADD COLUMN by_root INT');
  await root.ok("EXECUTE AS USER 'ann' (ALTER TABLE app.u ADD COLUMN as_ann INT)");
  await root.error("EXECUTE AS USER 'ben' (ALTER TABLE app.u ADD COLUMN as_ben INT)", 'PERMISSION_DENIED');
  const history = await ann.rows('DESCRIBE app.u HISTORY');
  assert.deepEqual(history.map((row) => [row[0], row[2], row[4]]), [[1, 'ann', 2], [2, 'ann', 3], [3, 'ann', 3], [4, 'ann', 3], [5, 'ann', 3], [6, 'root', 4], [7, 'ann', 5]]);
  for (const t of ['s', 'u', 'e', 'private']) await ann.ok(`DROP TABLE app.${t}`);
});

test('a schema change is an event in the log, with who, versions and what, and counts', async () => {
  await root.ok('CREATE TABLE app.told (id INT PRIMARY KEY, a INT)');
  const count = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(/kalamdb_schema_changes_total\{[^}]*table_name="told"\} (\d+)/.exec(text)?.[1] ?? 0);
  };
  assert.equal(await count(), 0);
  const svc = await root.newUser('boss', 'dba');
  await svc.ok('ALTER TABLE app.told ADD COLUMN b INT DEFAULT 5, RENAME COLUMN a TO a2');
  await svc.ok("COMMENT ON TABLE app.told IS 'why'");
  await svc.ok('ALTER TABLE app.told ADD COLUMN IF NOT EXISTS b INT');
  await svc.error('ALTER TABLE app.told DROP COLUMN nope', 'COLUMN_NOT_FOUND');
  assert.equal(await count(), 2, 'what changed nothing or failed does not count');
  const events = server.log.split('\n').filter((line) => line.includes(' schema_change ') && line.includes('app.told'));
  assert.equal(events.length, 2);
  for (const part of ['table=app.told', 'user=boss', 'old_version=1', 'new_version=2', 'changes="ADD COLUMN b INT DEFAULT 5, RENAME COLUMN a TO a2"', 'request_id=']) assert.ok(events[0].includes(part), `${part} in ${events[0]}`);
  assert.match(events[1], /old_version=2 new_version=3 changes="COMMENT ON TABLE told IS 'why'"/);
});

test('options that are not offered are refused by name, with what is', async () => {
  await root.ok('CREATE TABLE app.o (id INT PRIMARY KEY)');
  await root.ok('CREATE STREAM TABLE app.os (id INT PRIMARY KEY) WITH (TTL_SECONDS = 5)');
  for (const [name, value] of [['BLOOM_COLUMNS', "'id'"], ['HISTORY_RETENTION', "'1d'"], ['RESULT_CACHE', 'true'], ['EPHEMERAL', 'true'], ['MAX_ROWS', '10']]) {
    for (const sql of [`ALTER TABLE app.o SET (${name} = ${value})`, `ALTER TABLE app.os SET (${name} = ${value})`, `CREATE TABLE app.o2 (id INT PRIMARY KEY) WITH (${name} = ${value})`, `CREATE STREAM TABLE app.o2 (id INT PRIMARY KEY) WITH (TTL_SECONDS = 5, ${name} = ${value})`, `ALTER TABLE app.o SET (FLUSH_POLICY = 'rows:5', ${name} = ${value})`]) {
      const error = await root.error(sql, 'INVALID_PARAMETER');
      assert.match(error.message, new RegExp(name, 'i'));
      assert.match(error.message, /STORAGE_ID, (FLUSH_POLICY|TTL_SECONDS)/, 'names what is offered');
    }
  }
  assert.equal((await root.rows('DESCRIBE app.o HISTORY')).length, 1, 'nothing of them was kept');
});
