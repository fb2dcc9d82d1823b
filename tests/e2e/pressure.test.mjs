// Hot rows above limits.hot_bytes: the largest table becomes cold before anybody asks, and no answer changes.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

const metric = async (server, name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await (await fetch(`${server.url}/metrics`)).text())[1]);

test('the largest table is flushed early, the others stay hot', async () => {
  const server = await Server.start({ flags: ['--limits.hot_bytes', '1MiB'] });
  const root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app; CREATE TABLE app.small (id INT PRIMARY KEY, v TEXT); CREATE TABLE app.large (id INT PRIMARY KEY, v TEXT)');
  await root.ok("INSERT INTO app.small SELECT i, 'x' FROM range(100) t(i)");
  const insert = (from) => root.ok("INSERT INTO app.large SELECT i, repeat('y', 500) FROM range($1, $2) t(i)", [from, from + 1000]);
  await insert(0);
  await until(async () => await metric(server, 'kalamdb_hot_bytes') > 500_000, 'the hot rows to be counted');
  assert.equal(await metric(server, 'kalamdb_pressure_flushes_total'), 0);
  for (let from = 1000; from < 5000; from += 1000) await insert(from);
  const jobs = () => root.rows("SELECT job_type, table_name FROM system.jobs WHERE status = 'completed'");
  await until(async () => (await jobs()).length > 0, 'a flush');
  await until(async () => await metric(server, 'kalamdb_hot_bytes') < 1 << 20, 'room');
  assert.ok((await jobs()).every(([type, table]) => type === 'flush' && table === 'large'), JSON.stringify(await jobs()));
  assert.ok(await metric(server, 'kalamdb_pressure_flushes_total') >= 1);
  assert.equal(await root.value("SELECT count(*) FROM system.segments WHERE table_name = 'small'"), '0');
  assert.deepEqual(await root.rows('SELECT count(*), count(DISTINCT id), sum(length(v)) FROM app.large'), [['5000', '5000', '2500000']]);
  assert.deepEqual(await root.rows("SELECT value, unit FROM system.limits WHERE name = 'limits.hot_bytes'").then((rows) => rows.length), 1);
  // What is hot counts again after a restart.
  await server.restart();
  await until(async () => await metric(server, 'kalamdb_hot_bytes') > 0, 'the hot rows to be counted');
  await server.close();
});
