// Disks that fail: what was acknowledged stays, nothing false is acknowledged, and the error says what to do.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Server } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

async function prepared() {
  const server = await Server.start();
  const root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app; CREATE TABLE app.t (id INT PRIMARY KEY, v TEXT)');
  await root.ok("INSERT INTO app.t SELECT i, 'v' || i FROM range(100) x(i)");
  return { server, root };
}

test('a failed fsync stops writes, is never acknowledged, and reads go on until the restart', async () => {
  const { server } = await prepared();
  await server.restart({ KALAMDB_FAILPOINTS: 'storage.fsync=3@error' });
  const root = await Client.login(server);
  let failure;
  let acknowledged = 0;
  for (let i = 0; i < 5 && !failure; i++) {
    const { body } = await root.request(`INSERT INTO app.t VALUES (${1000 + i}, 'x')`);
    if (body.status === 'success') acknowledged++;
    else failure = body.error;
  }
  assert.equal(failure.code, 'STORAGE_UNAVAILABLE');
  assert.equal(failure.outcome_unknown, true);
  await root.error("INSERT INTO app.t VALUES (2000, 'x')", 'STORAGE_UNAVAILABLE');
  await root.error('CREATE NAMESPACE other', 'STORAGE_UNAVAILABLE');
  assert.equal(await root.value('SELECT count(*) FROM app.t'), String(100 + acknowledged));
  const ready = await fetch(`${server.url}/readyz`);
  assert.equal(ready.status, 503);
  assert.match(await ready.text(), /read_only/);
  await server.crash();
  const again = await Client.login(server);
  const rows = Number(await again.value('SELECT count(*) FROM app.t'));
  assert.ok(rows === 100 + acknowledged || rows === 101 + acknowledged, `${rows} rows, ${acknowledged} acknowledged and one unknown`);
  await again.ok("INSERT INTO app.t VALUES (3000, 'writes again')");
  await server.close();
});

test('a disk that is full during a flush: the rows stay hot, the error names the storage, a later flush succeeds', async () => {
  const { server } = await prepared();
  await server.restart({ KALAMDB_FAILPOINTS: 'storage.segment_create=1@error' });
  const root = await Client.login(server);
  await root.error('STORAGE FLUSH TABLE app.t WAIT', 'STORAGE_UNAVAILABLE');
  assert.equal(await root.value('SELECT count(*) FROM app.t'), '100');
  await root.ok("INSERT INTO app.t VALUES (500, 'goes on')");
  await root.ok('STORAGE FLUSH TABLE app.t WAIT');
  assert.equal(await root.value('SELECT count(*) FROM app.t'), '101');
  await server.restart();
  assert.equal(await (await Client.login(server)).value('SELECT count(*) FROM app.t'), '101');
  await server.close();
});

test('a crash between the files of a flush and its publication loses nothing and repeats nothing', async () => {
  const { server } = await prepared();
  await server.restart({ KALAMDB_FAILPOINTS: 'flush.publish=crash' });
  const root = await Client.login(server);
  await root.request('STORAGE FLUSH TABLE app.t WAIT').catch(() => {});
  await server.exited;
  await server.launch();
  const again = await Client.login(server);
  assert.deepEqual(await again.rows('SELECT count(*), count(DISTINCT id) FROM app.t'), [['100', '100']]);
  await again.ok('STORAGE FLUSH TABLE app.t WAIT');
  assert.deepEqual(await again.rows('SELECT count(*), count(DISTINCT id) FROM app.t'), [['100', '100']]);
  await server.close();
});
