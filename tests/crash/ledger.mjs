// kill −9 under load with a ledger of what was acknowledged: after the restart every acknowledged row is there with its value, nothing
// is there that was never sent, and a live client that resumes has seen each change once and in order.
//
//   node tests/crash/ledger.mjs [--seed 1] [--rounds 3] [--writers 8] [--milliseconds 1500] [--durability sync|wal]
import { Server, until } from '../harness/server.mjs';
import { Client, Replica } from '../harness/client.mjs';
import { random, report } from '../harness/report.mjs';

const args = Object.fromEntries(process.argv.slice(2).map((word, i, all) => (word.startsWith('--') ? [word.slice(2), all[i + 1]] : [])).filter((pair) => pair.length));
const seed = Number(args.seed ?? 1);
const rounds = Number(args.rounds ?? 3);
const writers = Number(args.writers ?? 8);
const milliseconds = Number(args.milliseconds ?? 1500);
const durability = args.durability ?? 'sync';
const r = random(seed);
const table = 'app.ledger';

// What is known of a key: the value acknowledged last, and those in flight when the server died (either may be true).
const ledger = new Map();
let sent = 0;
let acknowledged = 0;

async function writer(client, n, stop) {
  while (!stop.now) {
    const key = `w${n}-${r.below(200)}`;
    const known = ledger.get(key) ?? { value: null, maybe: [] };
    const remove = known.value !== null && r.below(4) === 0;
    const value = remove ? null : ++sent;
    known.maybe = [value];
    ledger.set(key, known);
    const sql = remove ? `DELETE FROM ${table} WHERE k = $1` : `INSERT INTO ${table} VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = EXCLUDED.v`;
    try {
      await client.ok(sql, remove ? [key] : [key, value], { 'x-durability': durability });
    } catch (error) {
      if (stop.killed) return;
      throw error;
    }
    known.value = value;
    known.maybe = [];
    acknowledged++;
  }
}

async function check(client) {
  const rows = new Map((await client.rows(`SELECT k, v FROM ${table}`)).map(([k, v]) => [k, Number(v)]));
  for (const [key, known] of ledger) {
    const found = rows.has(key) ? rows.get(key) : null;
    const allowed = [known.value, ...known.maybe];
    if (!allowed.includes(found)) throw new Error(`${key}: found ${found}, acknowledged ${known.value}, in flight ${JSON.stringify(known.maybe)}`);
    known.value = found;
    known.maybe = [];
    rows.delete(key);
  }
  if (rows.size) throw new Error(`rows that nobody wrote: ${JSON.stringify([...rows])}`);
}

let passed = 0;
let failed = 0;
console.log(`ledger: seed ${seed}, ${rounds} rounds, ${writers} writers, durability ${durability}`);
const server = await Server.start();
const replica = new Replica(['k']);
try {
  let root = await Client.login(server);
  await root.ok(`CREATE NAMESPACE app; CREATE TABLE ${table} (k TEXT PRIMARY KEY, v BIGINT)`);
  for (let round = 0; round < rounds; round++) {
    const live = await root.live();
    live.subscribe('watch', `SELECT * FROM ${table}`, replica.seq === null ? {} : { from: replica.seq });
    await live.next((f) => f.type === 'subscription_ack', 'the ack');
    let seen = 0;
    const apply = () => { for (const frames = live.of('watch'); seen < frames.length; seen++) replica.apply(frames[seen]); };
    const stop = { now: false, killed: false };
    const work = Promise.all(Array.from({ length: writers }, (_, n) => writer(root, n, stop)));
    work.catch(() => {});
    const end = Date.now() + milliseconds / 2 + r.below(milliseconds);
    const flushes = r.below(3);
    for (let i = 0; i < flushes; i++) await root.ok(`STORAGE FLUSH TABLE ${table} WAIT`);
    await until(() => Date.now() >= end, 'the time to kill');
    stop.killed = true;
    stop.now = true;
    await server.kill();
    await work;
    apply();
    live.socket.terminate();
    await server.launch();
    root = await Client.login(server);
    await check(root);
    const again = await root.live();
    again.subscribe('watch', `SELECT * FROM ${table}`, { from: replica.seq });
    const expected = (await root.rows(`SELECT k, v FROM ${table}`)).map((row) => JSON.stringify(row)).sort();
    let n = 0;
    let got;
    await until(() => {
      for (const frames = again.of('watch'); n < frames.length; n++) replica.apply(frames[n]);
      got = [...replica.rows.values()].map((row) => JSON.stringify([row.k, row.v])).sort();
      return JSON.stringify(got) === JSON.stringify(expected);
    }, `the resumed screen to show ${expected.length} rows; it shows ${got?.length}`, 20_000);
    again.socket.terminate();
    passed++;
    console.log(`ok   ledger round ${round + 1}: ${acknowledged} acknowledged so far, ${expected.length} rows, ${replica.changes.length} frames seen`);
  }
  await server.close();
} catch (error) {
  failed++;
  console.log(`FAIL ledger seed ${seed}: ${error.stack}\n${server.story()}`);
  await server.kill();
}
report(passed, failed);
