// DROP USER: what the user had goes, by a job that a crash does not stop; a user made again under the name starts empty.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

// Hot, cold and bulk-loaded rows of two users in a USER table, events of both in a STREAM table.
async function prepared() {
  const server = await Server.start();
  const root = await Client.login(server);
  await root.ok(`CREATE NAMESPACE app; CREATE USER TABLE app.notes (id BIGINT PRIMARY KEY, body TEXT) WITH (FLUSH_POLICY = 'rows:1000000');
    CREATE STREAM TABLE app.events (id BIGINT PRIMARY KEY, body TEXT) WITH (TTL_SECONDS = 3600)`);
  for (const name of ['alice', 'bob']) {
    const user = await root.newUser(name);
    await user.ok("INSERT INTO app.notes SELECT i, 'cold of ' || current_user() || i FROM range(500) x(i)");
    await user.ok("INSERT INTO app.events SELECT i, 'event' FROM range(20) x(i)");
  }
  await root.ok('STORAGE FLUSH TABLE app.notes WAIT');
  for (const name of ['alice', 'bob']) {
    const user = await Client.login(server, name, `pw-of-${name}-0123456789`);
    await user.ok("INSERT INTO app.notes SELECT i, 'bulk' FROM range(100000, 115000) x(i)");
    await user.ok("INSERT INTO app.notes SELECT i, 'hot' FROM range(1000, 1100) x(i)");
    await user.ok("UPDATE app.notes SET body = 'changed' WHERE id < 10; DELETE FROM app.notes WHERE id BETWEEN 20 AND 24");
  }
  return { server, root };
}

const login = (server, name) => Client.login(server, name, `pw-of-${name}-0123456789`);
const eraseJobs = (root) => root.rows("SELECT status, rows, namespace_id, table_name FROM system.jobs WHERE job_type = 'erase'");
const segmentRows = async (root) => Number(await root.value("SELECT coalesce(sum(rows), 0) FROM system.segments WHERE table_name = 'notes'"));
const filesOnDisk = (server) => {
  const directory = path.join(server.dir, 'cold', 'app');
  if (!existsSync(directory)) return 0;
  return readdirSync(directory).flatMap((table) => readdirSync(path.join(directory, table))).length;
};

async function checkErased(server, root, bobs) {
  await until(async () => (await eraseJobs(root)).some(([status]) => status === 'completed'), 'the erase job to end');
  const bob = await login(server, 'bob');
  assert.deepEqual(await bob.rows('SELECT count(*), sum(id), min(body), max(body) FROM app.notes'), bobs);
  assert.equal(await bob.value('SELECT count(*) FROM app.events'), '20');
  // Files hold bob's rows and no other's; those of alice are gone from the disk, too.
  assert.ok(await segmentRows(root) <= 15_500 + 110, `${await segmentRows(root)} rows in files`);
  const named = Number(await root.value("SELECT count(*) FROM system.segments WHERE table_name = 'notes'"));
  await until(() => filesOnDisk(server) === named, `${named} files on disk, there are ${filesOnDisk(server)}`);
}

test('a dropped user is erased, hot and cold, and the others keep every row', async () => {
  const { server, root } = await prepared();
  const bobs = await (await login(server, 'bob')).rows('SELECT count(*), sum(id), min(body), max(body) FROM app.notes');
  const rowsBefore = await segmentRows(root);
  const aliceBefore = await login(server, 'alice');
  await root.ok("DROP USER 'alice'");
  assert.equal((await aliceBefore.request('SELECT * FROM app.notes')).status, 401);
  await root.newUser('alice');
  const again = await login(server, 'alice');
  assert.equal(await again.value('SELECT count(*) FROM app.notes'), '0');
  assert.equal(await again.value('SELECT count(*) FROM app.events'), '0');
  await again.ok("INSERT INTO app.notes VALUES (1, 'new life')");
  await checkErased(server, root, bobs);
  assert.ok(await segmentRows(root) < rowsBefore - 15_000);
  const [[status, rows]] = await eraseJobs(root);
  assert.equal(status, 'completed');
  assert.ok(Number(rows) >= 500 + 15_000 + 100 + 20 && Number(rows) <= 500 + 15_000 + 100 + 20 + 15, `${rows} rows erased`);
  assert.deepEqual(await again.rows('SELECT id, body FROM app.notes'), [['1', 'new life']]);
  await server.restart();
  assert.deepEqual(await (await login(server, 'alice')).rows('SELECT id, body FROM app.notes'), [['1', 'new life']]);
  await server.close();
});

for (const place of ['erase.after_slice', 'erase.after_bits', 'compact.publish']) {
  test(`a crash at ${place} is taken up at the next start`, async () => {
    const { server, root } = await prepared();
    const bobs = await (await login(server, 'bob')).rows('SELECT count(*), sum(id), min(body), max(body) FROM app.notes');
    assert.equal(await root.value("SELECT count(*) FROM system.jobs WHERE job_type = 'compact'"), '0');
    await server.restart({ KALAMDB_FAILPOINTS: `${place}=1@crash` });
    await (await Client.login(server)).request("DROP USER 'alice'").catch(() => {});
    await server.exited;
    await server.launch();
    const after = await Client.login(server);
    assert.equal(await after.value("SELECT count(*) FROM system.users WHERE user_id = 'alice'"), '0');
    await checkErased(server, after, bobs);
    await after.newUser('alice');
    assert.equal(await (await login(server, 'alice')).value('SELECT count(*) FROM app.notes'), '0');
    await server.restart();
    assert.deepEqual(await eraseJobs(await Client.login(server)), [], 'it is not run again');
    await server.close();
  });
}
