// Start, stop, crash and what surrounds them: locks, versions, configuration, drain, missing and damaged files.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, statSync, writeFileSync, readFileSync, unlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Server, bin, patience, rootPassword, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';
import { parquetFiles } from '../harness/files.mjs';

const kalamdb = (args, env = {}) => spawnSync(path.join(bin, 'kalamdb'), args, { encoding: 'utf8', timeout: 20_000 * patience, env: { ...process.env, KALAMDB_ROOT_PASSWORD: rootPassword, ...env } });

test('a second server on the same directory is refused before it touches anything', async () => {
  const server = await Server.start();
  const second = kalamdb(['serve', '--data-dir', server.dir, '--listen', '127.0.0.1:0']);
  assert.notEqual(second.status, 0);
  assert.match(second.stderr + second.stdout, /in use/i);
  await (await Client.login(server)).ok('SELECT 1');
  await server.close();
});

test('a directory written by a newer version is refused, saying so', async () => {
  const server = await Server.start({ dir: mkdtempSync(path.join(tmpdir(), 'kalamdb-test-')) });
  await server.stop();
  writeFileSync(path.join(server.dir, 'VERSION'), '999\n');
  const refused = kalamdb(['serve', '--data-dir', server.dir, '--listen', '127.0.0.1:0']);
  assert.notEqual(refused.status, 0);
  assert.match(refused.stderr + refused.stdout, /newer/i);
  rmSync(server.dir, { recursive: true });
});

test('configuration: unknown keys are errors, what holds is printed with its source', () => {
  const printed = kalamdb(['config', '--limits.body_bytes', '1048576'], { KALAMDB_LIMITS_SQL_BYTES: '4096' });
  assert.equal(printed.status, 0, printed.stderr);
  assert.match(printed.stdout, /limits\.body_bytes = 1048576 # flag/);
  assert.match(printed.stdout, /limits\.sql_bytes = 4096 # environment/);
  assert.match(printed.stdout, /storage\.durability = "?sync"? # default/);
  assert.doesNotMatch(printed.stdout, new RegExp(rootPassword));
  assert.notEqual(kalamdb(['config', '--limits.nonsense', '1']).status, 0);
  assert.notEqual(kalamdb(['config'], { KALAMDB_LIMITS_NONSENSE: '1' }).status, 0);
  const dir = mkdtempSync(path.join(tmpdir(), 'kalamdb-test-'));
  const file = path.join(dir, 'k.toml');
  writeFileSync(file, '[limits]\nbody_bytes = 2097152\nnonsense = 1\n');
  const bad = kalamdb(['config', '--config', file]);
  assert.notEqual(bad.status, 0);
  assert.match(bad.stderr + bad.stdout, /nonsense/);
  rmSync(dir, { recursive: true });
});

test('kalam runs SQL from the command line, a file and standard input', async () => {
  const server = await Server.start();
  const kalam = (args, input) => spawnSync(path.join(bin, 'kalam'), ['--url', server.url, '--user', 'root', ...args], { encoding: 'utf8', input, timeout: 20_000 * patience, env: { ...process.env, KALAM_PASSWORD: rootPassword } });
  const one = kalam(['-c', 'SELECT 41 + 1 AS answer']);
  assert.equal(one.status, 0, one.stderr);
  assert.match(one.stdout, /answer[\s\S]*42/);
  assert.match(kalam([], 'SELECT 43 AS x;').stdout, /43/);
  const file = path.join(server.dir, 'q.sql');
  writeFileSync(file, 'SELECT 44 AS x; SELECT 45 AS y;');
  assert.match(kalam(['-f', file]).stdout, /44[\s\S]*45/);
  const bad = kalam(['-c', 'SELEC']);
  assert.notEqual(bad.status, 0);
  assert.match(bad.stderr, /INVALID_SQL/);
  await server.close();
});

test('SIGTERM ends with 0 and closes sockets with 1001; everything is there again', async () => {
  const server = await Server.start();
  const root = await Client.login(server);
  await root.ok("CREATE NAMESPACE app; CREATE TABLE app.t (id INT PRIMARY KEY, v TEXT); INSERT INTO app.t VALUES (1, 'x')");
  const live = await root.live();
  assert.equal(await server.stop(), 0);
  await until(() => live.closed, 'the close of the socket');
  assert.equal(live.closed.code, 1001);
  await server.launch();
  const again = await Client.login(server);
  assert.deepEqual(await again.rows('SELECT * FROM app.t'), [[1, 'x']]);
  await server.close();
});

async function withColdTable(run) {
  const server = await Server.start();
  const root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app; CREATE TABLE app.t (id INT PRIMARY KEY, v TEXT)');
  await root.ok("INSERT INTO app.t SELECT i, 'v' || i FROM range(1000) t(i)");
  await root.ok('STORAGE FLUSH TABLE app.t WAIT');
  await run(server, root);
  await server.close();
}

test('a missing cold file is an error that names it, never a shorter answer', () => withColdTable(async (server) => {
  const files = parquetFiles(server.dir);
  assert.equal(files.length, 1);
  await server.stop();
  const bytes = readFileSync(files[0]);
  unlinkSync(files[0]);
  await server.launch();
  const client = await Client.login(server);
  const error = await client.error('SELECT count(v) FROM app.t', 'STORAGE_UNAVAILABLE');
  assert.equal(error.http, 503);
  assert.ok(!error.message.includes(server.dir), 'no path of the host');
  assert.equal((await client.error('SELECT * FROM app.t WHERE id = 5', 'STORAGE_UNAVAILABLE')).http, 503);
  await server.stop();
  mkdirSync(path.dirname(files[0]), { recursive: true });
  writeFileSync(files[0], bytes);
  await server.launch();
  assert.equal(await (await Client.login(server)).value('SELECT count(v) FROM app.t'), '1000');
}));

test('a damaged cold file is an error, never a wrong answer', () => withColdTable(async (server) => {
  const [file] = parquetFiles(server.dir);
  const flip = (bytes) => { const copy = Buffer.from(bytes); copy[copy.length - 60] ^= 0xff; return copy; };
  for (const damage of [(bytes) => bytes.subarray(0, bytes.length - 100), flip]) {
    await server.stop();
    const bytes = readFileSync(file);
    writeFileSync(file, damage(bytes));
    await server.launch();
    const client = await Client.login(server);
    await client.error('SELECT sum(id), max(v) FROM app.t', 'STORAGE_UNAVAILABLE');
    await server.stop();
    writeFileSync(file, bytes);
    await server.launch();
  }
}));

test('files no record names go away at the start, whole ones stay', () => withColdTable(async (server) => {
  const [file] = parquetFiles(server.dir);
  await server.stop();
  writeFileSync(path.join(path.dirname(file), 'stray-0.parquet'), 'x');
  await server.launch();
  await until(() => parquetFiles(server.dir).length === 1, 'the stray file to go', 15_000);
  assert.ok(statSync(file).size > 0);
}));
