// kill −9 while bulk loads, multi-row statements, ALTERs, flushes and compactions run: each statement is there whole or not at all, each
// acknowledged one is there, schema versions are consecutive, and no file of a lost job stays.
//
//   node tests/crash/atomic.mjs [--seed 1] [--rounds 3] [--milliseconds 1500]
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';
import { parquetFiles } from '../harness/files.mjs';
import { random, report } from '../harness/report.mjs';

const args = Object.fromEntries(process.argv.slice(2).map((word, i, all) => (word.startsWith('--') ? [word.slice(2), all[i + 1]] : [])).filter((pair) => pair.length));
const seed = Number(args.seed ?? 1);
const rounds = Number(args.rounds ?? 3);
const milliseconds = Number(args.milliseconds ?? 1500);
const r = random(seed);
const t = 'app.b';

// batch → {rows, n: the value all its rows hold, done: acknowledged, maybe: a change in flight}
const batches = new Map();
const columns = [];          // {name, value, done}
let nextBatch = 0;

class Loops {
  constructor(client) { this.client = client; this.stopped = false; }

  // Runs until the server is gone; what fails after that is expected.
  async loop(step) {
    while (!this.stopped) {
      try {
        await step();
      } catch (error) {
        if (this.stopped) return;
        if (error.code === 'SCHEMA_CHANGED' || error.code === 'WRITE_CONFLICT') continue;
        throw error;
      }
    }
  }

  insert(size) {
    return this.loop(async () => {
      const k = nextBatch++;
      const batch = { rows: size, n: 0, done: false, maybe: false };
      batches.set(k, batch);
      try {
        await this.client.ok(`INSERT INTO ${t} (id, batch, n) SELECT ${k * 100_000} + i, ${k}, 0 FROM range(${size}) r(i)`);
        batch.done = true;
      } catch (error) {
        if (error.code) batches.delete(k);
        throw error;
      }
    });
  }

  update() {
    return this.loop(async () => {
      const known = [...batches].filter(([, b]) => b.done && !b.maybe && b.rows < 1000);
      if (!known.length) return void await this.client.ok('SELECT 1');
      const [k, batch] = r.pick(known);
      batch.maybe = true;
      try {
        await this.client.ok(`UPDATE ${t} SET n = n + 1 WHERE batch = ${k}`, undefined, { 'x-durability': r.below(2) ? 'wal' : 'sync' });
        batch.n++;
        batch.maybe = false;
      } catch (error) {
        if (error.code) batch.maybe = false;
        throw error;
      }
    });
  }

  alter() {
    return this.loop(async () => {
      if (columns.length > 40) return void await this.client.ok('SELECT 1');
      const column = { name: `c${columns.length}`, value: columns.length * 3, done: false };
      columns.push(column);
      try {
        await this.client.ok(`ALTER TABLE ${t} ADD COLUMN ${column.name} INT DEFAULT ${column.value}`);
        column.done = true;
      } catch (error) {
        if (error.code) columns.pop();
        throw error;
      }
    });
  }

  maintain() { return this.loop(() => this.client.ok(`STORAGE ${r.below(3) ? 'FLUSH' : 'COMPACT'} TABLE ${t} WAIT`)); }
}

async function check(client, when) {
  const found = new Map((await client.rows(`SELECT batch, count(*), count(DISTINCT id), min(n), max(n) FROM ${t} GROUP BY batch`)).map(([k, ...rest]) => [k, rest.map(Number)]));
  for (const [k, batch] of batches) {
    const [count, ids, least, most] = found.get(k) ?? [0, 0, 0, 0];
    found.delete(k);
    if (count === 0 && !batch.done) { batches.delete(k); continue; }
    if (count !== batch.rows || ids !== batch.rows) throw new Error(`${when}: batch ${k} has ${count} of ${batch.rows} rows${batch.done ? ', acknowledged' : ''}`);
    if (least !== most) throw new Error(`${when}: batch ${k} holds half of an update: ${least} and ${most}`);
    if (most !== batch.n && !(batch.maybe && most === batch.n + 1)) throw new Error(`${when}: batch ${k} holds ${most}, acknowledged ${batch.n}`);
    Object.assign(batch, { done: true, n: most, maybe: false });
  }
  if (found.size) throw new Error(`${when}: rows nobody wrote: ${JSON.stringify([...found])}`);
  const history = (await client.rows(`DESCRIBE ${t} HISTORY`)).map((row) => row[0]);
  if (JSON.stringify(history) !== JSON.stringify(history.map((_, i) => i + 1))) throw new Error(`${when}: versions ${history}`);
  const present = new Set((await client.rows(`DESCRIBE ${t}`)).map((row) => row[0]));
  for (const column of [...columns]) {
    if (!present.has(column.name)) {
      if (column.done) throw new Error(`${when}: ${column.name} was acknowledged and is gone`);
      columns.splice(columns.indexOf(column), 1);
      continue;
    }
    column.done = true;
    const other = await client.value(`SELECT count(*) FROM ${t} WHERE ${column.name} IS DISTINCT FROM ${column.value}`);
    if (other !== '0') throw new Error(`${when}: ${other} rows do not read ${column.name} as ${column.value}`);
  }
}

let passed = 0;
let failed = 0;
const server = await Server.start();
try {
  let root = await Client.login(server);
  await root.ok(`CREATE NAMESPACE app; CREATE TABLE ${t} (id BIGINT PRIMARY KEY, batch INT, n INT)`);
  for (let round = 0; round < rounds; round++) {
    const loops = new Loops(root);
    const work = Promise.all([loops.insert(12_000), loops.insert(50), loops.insert(200), loops.update(), loops.update(), loops.alter(), loops.maintain()]);
    work.catch(() => {});
    const end = Date.now() + milliseconds / 2 + r.below(milliseconds);
    await Promise.race([work, until(() => Date.now() >= end, 'the time to kill', 600_000)]);
    loops.stopped = true;
    await server.kill();
    await work;
    await server.launch();
    root = await Client.login(server);
    await check(root, `round ${round + 1}`);
    await root.ok(`STORAGE FLUSH TABLE ${t} WAIT`);
    await check(root, `round ${round + 1}, flushed`);
    if (round % 2) await root.ok(`STORAGE COMPACT TABLE ${t} WAIT`);
    await check(root, `round ${round + 1}, at its end`);
    // Files of the segments, and those of bulk loads that the change log still names.
    let named;  // asked anew each time: segments are also merged by themselves
    const bulk = [...batches.values()].filter((b) => b.rows > 10_000).length;
    const files = () => parquetFiles(server.dir).length;
    const settled = async () => {
      named = Number(await root.value('SELECT count(*) FROM system.segments'));
      return files() >= named && files() <= named + bulk;
    };
    await until(settled, `no more files than segments and ${bulk} bulk loads`, 20_000);
    passed++;
    console.log(`ok   atomic round ${round + 1}: ${batches.size} statements, ${columns.length} columns, ${named} segments`);
  }
  await server.close();
} catch (error) {
  failed++;
  console.log(`FAIL atomic seed ${seed}: ${error.stack}\n${server.story()}`);
  await server.kill();
}
report(passed, failed);
