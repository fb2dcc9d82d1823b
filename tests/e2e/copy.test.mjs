// COPY from and to files: admins, inside the configured directories, columns by name.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Server } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';
import { parquetFiles } from '../harness/files.mjs';

let server;
let root;
const dir = mkdtempSync(path.join(tmpdir(), 'kalamdb-copy-'));
const outside = mkdtempSync(path.join(tmpdir(), 'kalamdb-out-'));
before(async () => {
  server = await Server.start({ flags: ['--storage.copy_directories', dir] });
  root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app');
});
after(async () => {
  await server.close();
  rmSync(dir, { recursive: true });
  rmSync(outside, { recursive: true });
});

test('a Parquet file comes in by column names, defaults for what is absent', async () => {
  // A segment of a flushed table is plain Parquet: any reader opens it.
  await root.ok("CREATE TABLE app.src (id INT PRIMARY KEY, name TEXT, extra DOUBLE); INSERT INTO app.src SELECT i, 'n' || i, i / 2 FROM range(15000) r(i)");
  await root.ok('STORAGE FLUSH TABLE app.src WAIT');
  const [file] = parquetFiles(server.dir);
  copyFileSync(file, path.join(dir, 'src.parquet'));
  await root.ok("CREATE TABLE app.dst (id INT PRIMARY KEY, NAME TEXT, extra DOUBLE, more INT DEFAULT 7)");
  const results = await root.request(`COPY app.dst FROM '${dir}/src.parquet'`);
  if (results.body.status === 'success') {
    assert.equal(results.body.results[0].row_count, 15000);
  } else {
    // The file also holds system columns, which are no columns of the table: named, not ignored.
    assert.equal(results.body.error.code, 'INVALID_PARAMETER');
  }
});

test('CSV and what is refused', async () => {
  writeFileSync(path.join(dir, 'a.csv'), 'ID,name\n1,one\n2,"two, too"\n');
  await root.ok('CREATE TABLE app.c (id INT PRIMARY KEY, name TEXT, n INT DEFAULT 5)');
  const csv = await root.request(`COPY app.c FROM '${dir}/a.csv'`);
  if (csv.body.status === 'success') assert.deepEqual(await root.rows('SELECT * FROM app.c ORDER BY id'), [[1, 'one', 5], [2, 'two, too', 5]]);
  else assert.equal(csv.body.error.code, 'UNSUPPORTED');
  writeFileSync(path.join(outside, 'x.parquet'), 'PAR1');
  symlinkSync(outside, path.join(dir, 'link'));
  for (const place of [`${outside}/x.parquet`, `${outside}/absent.parquet`, '/etc/passwd', `${dir}/../${path.basename(outside)}/x.parquet`, `${dir}/link/x.parquet`, 'http://127.0.0.1:1/x.parquet', 's3://bucket/x.parquet', `${server.dir}/x.parquet`]) {
    await root.error(`COPY app.c FROM '${place}'`, 'PERMISSION_DENIED');
  }
  const absent = await root.error(`COPY app.c FROM '${dir}/absent.parquet'`);
  assert.ok(['NOT_FOUND', 'INVALID_PARAMETER'].includes(absent.code), JSON.stringify(absent));
  writeFileSync(path.join(dir, 'broken.parquet'), 'PAR1 this is no parquet file PAR1');
  const broken = await root.error(`COPY app.c FROM '${dir}/broken.parquet'`);
  assert.notEqual(broken.code, 'INTERNAL');
  const user = await root.newUser('plain');
  await user.error(`COPY app.c FROM '${dir}/a.csv'`, 'PERMISSION_DENIED');
  const service = await root.newUser('svc', 'service');
  await service.error(`COPY app.c FROM '${dir}/a.csv'`, 'PERMISSION_DENIED');
  assert.equal(await root.value('SELECT 1'), 1);
});

test('a value of a file that does not fit is named with its line or row, column and table', async () => {
  await root.ok('CREATE TABLE app.fit (id INT PRIMARY KEY, n SMALLINT, v VARCHAR(4))');
  const files = {
    'word.csv': ['id,n,v\n1,5,abc\n2,x,abc\n', /^line 3 of the file: column n of app\.fit: value 'x' does not fit type SMALLINT$/],
    'large.csv': ['id,n,v\n1,5,abc\n2,70000,abc\n', /^line 3 of the file: column n of app\.fit: value '70000' does not fit type SMALLINT$/],
    'long.csv': ['id,n,v\n1,5,abc\n2,7,abcdef\n', /^row 2: the value of column v of app\.fit has 6 characters/],
    'word.json': ['{"id":1,"n":5}\n{"id":2,"n":"x"}\n', /^row 2: column n of app\.fit: value "x" is not a number$/],
    'large.json': ['{"id":1,"n":5}\n{"id":2,"n":70000}\n', /^row 2: column n of app\.fit: value 70000 does not fit type SMALLINT$/],
  };
  for (const [name, [text, says]] of Object.entries(files)) {
    writeFileSync(path.join(dir, name), text);
    const error = await root.error(`COPY app.fit FROM '${dir}/${name}'`, 'TYPE_MISMATCH');
    assert.match(error.message, says);
    assert.equal(error.position, undefined);
  }
  assert.equal(await root.value('SELECT count(*) FROM app.fit'), '0');
});
