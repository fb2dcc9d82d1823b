// The audit log: complete after a crash. A change and its record are one commit: both are there, or neither is.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Server } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

const prepare = `CREATE NAMESPACE app; CREATE TABLE app.old (id INT PRIMARY KEY, v TEXT);
  CREATE USER 'alice' WITH PASSWORD 'pw-of-alice-0123456789' ROLE user`;

// statement, action, target, and whether its change is there
const changes = [
  ['CREATE NAMESPACE fresh', 'CREATE NAMESPACE', 'fresh',
    async (root) => (await root.value("SELECT count(*) FROM system.namespaces WHERE namespace_id = 'fresh'")) === '1'],
  ['CREATE TABLE app.fresh (id INT PRIMARY KEY)', 'CREATE TABLE', 'app.fresh',
    async (root) => (await root.request('SELECT * FROM app.fresh')).status === 200],
  ['ALTER TABLE app.old ADD COLUMN n INT', 'ALTER TABLE', 'app.old',
    async (root) => (await root.request('SELECT n FROM app.old')).status === 200],
  ['CREATE VIEW app.seen AS SELECT id FROM app.old', 'CREATE VIEW', 'app.seen',
    async (root) => (await root.request('SELECT * FROM app.seen')).status === 200],
  ['DROP TABLE app.old', 'DROP TABLE', 'app.old',
    async (root) => (await root.request('SELECT * FROM app.old')).status === 404],
  ["CREATE USER 'bob' WITH PASSWORD 'pw-of-bob-0123456789' ROLE user", 'CREATE USER', 'bob',
    async (root) => (await root.value("SELECT count(*) FROM system.users WHERE user_id = 'bob'")) === '1'],
  ["ALTER USER 'alice' SET ROLE service", 'ALTER USER', 'alice',
    async (root) => (await root.value("SELECT role FROM system.users WHERE user_id = 'alice'")) === 'service'],
  ["DROP USER 'alice'", 'DROP USER', 'alice',
    async (root) => (await root.value("SELECT count(*) FROM system.users WHERE user_id = 'alice'")) === '0'],
];

async function recordsOf(root, action, target) {
  return Number(await root.value(`SELECT count(*) FROM system.audit_log WHERE action = '${action}' AND target = '${target}' AND details IS DISTINCT FROM 'denied'`));
}

// The second commit of the run dies at `place`: the first is root's login.
async function crashIn(place, [statement, action, target, isThere]) {
  const server = await Server.start();
  await (await Client.login(server)).ok(prepare);
  await server.stop();
  await server.launch({ KALAMDB_FAILPOINTS: `${place}=2@crash` });
  const root = await Client.login(server);
  const before = await recordsOf(root, action, target);
  await assert.rejects(root.request(statement), undefined, `${statement} was answered`);
  await server.exited;
  await server.launch();
  const again = await Client.login(server);
  const outcome = { there: await isThere(again), recorded: await recordsOf(again, action, target) - before };
  await server.close();
  return outcome;
}

for (const change of changes) {
  test(`a crash right after the batch of ${change[1]} leaves the change and its record`, async () => {
    assert.deepEqual(await crashIn('storage.after_write', change), { there: true, recorded: 1 });
  });
}

test('a crash before the batch leaves neither the change nor its record', async () => {
  for (const change of [changes[1], changes[5], changes[7]]) {
    assert.deepEqual(await crashIn('storage.wal_write', change), { there: false, recorded: 0 }, change[0]);
  }
});

test('ALTER USER is one commit, whatever it changes; a refusal and a statement that changes nothing', async () => {
  const server = await Server.start();
  const root = await Client.login(server);
  await root.ok(prepare);
  const alice = await Client.login(server, 'alice', 'pw-of-alice-0123456789');
  await alice.error('CREATE NAMESPACE mine', 'PERMISSION_DENIED');
  await alice.error("DROP USER 'root'", 'PERMISSION_DENIED');
  await root.ok('CREATE NAMESPACE IF NOT EXISTS app');
  await root.ok("CREATE USER IF NOT EXISTS 'alice' WITH PASSWORD 'pw-of-alice-0123456789' ROLE user");
  await root.error('CREATE TABLE app.bad AS SELECT CAST(v AS INT) AS id FROM (VALUES (\'x\')) t(v)', 'TYPE_MISMATCH');
  const log = await root.rows('SELECT actor_user_id, action, target, details FROM system.audit_log ORDER BY audit_id');
  assert.deepEqual(log, [
    ['root', 'CREATE USER', 'root', 'KALAMDB_ROOT_PASSWORD'],
    ['root', 'CREATE NAMESPACE', 'app', null],
    ['root', 'CREATE TABLE', 'app.old', null],
    ['root', 'CREATE USER', 'alice', 'role user'],
    ['alice', 'CREATE NAMESPACE', 'mine', 'denied'],
    ['alice', 'DROP USER', 'root', 'denied'],
  ]);
  for (const statement of ['DELETE FROM system.audit_log', "UPDATE system.audit_log SET actor_user_id = 'x'", "INSERT INTO system.audit_log (actor_user_id) VALUES ('x')", 'DROP TABLE system.audit_log', 'TRUNCATE TABLE system.audit_log']) {
    assert.equal((await root.request(statement)).body.status, 'error', statement);
  }
  await server.close();
});

test('what setup makes is written down', async () => {
  const server = await Server.start({ env: { KALAMDB_ROOT_PASSWORD: undefined } });
  const reply = await fetch(`${server.url}/v1/api/auth/setup`, { method: 'POST', body: JSON.stringify({ user: 'admin', password: 'pw-of-admin-0123456789', root_password: 'pw-of-root-0123456789' }) });
  assert.equal(reply.status, 200);
  const root = await Client.login(server, 'root', 'pw-of-root-0123456789');
  assert.deepEqual(await root.rows('SELECT actor_user_id, action, target, details, ip_address FROM system.audit_log ORDER BY audit_id'), [
    ['root', 'CREATE USER', 'root', 'setup', '127.0.0.1'],
    ['root', 'CREATE USER', 'admin', 'setup', '127.0.0.1'],
  ]);
  await server.close();
});
