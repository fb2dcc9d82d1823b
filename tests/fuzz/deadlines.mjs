// Statements whose time ends anywhere: in the parser, the binder, the optimizer, between two vectors, before the commit.
// Whatever the end hits, the server goes on, answers whole statements as before, and a write is there or it is not.
// --seed N, --seconds N
import { Server, patience } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';
import { random, report } from '../harness/report.mjs';

const args = Object.fromEntries(process.argv.slice(2).map((word, i, all) => (word.startsWith('--') ? [word.slice(2), all[i + 1]] : [])).filter((pair) => pair.length));
const seed = Number(args.seed ?? 1), seconds = Number(args.seconds ?? 5);
const r = random(seed);
const batchRows = 5;
let passed = 0, failed = 0, writes = 0;
const fail = (what) => { ++failed; console.log(`FAIL deadlines seed ${seed}: ${what}`); };

const tables = ['app.hot', 'app.cold', 'app.mine', 'app.seen', '(SELECT id, n, s FROM app.cold WHERE n > 3)'];

// A join of up to 14 tables, with what makes a planner work.
function question() {
  const count = 1 + r.below(r.pick([3, 8, 14]));
  const from = [], where = [];
  for (let i = 0; i < count; ++i) {
    from.push(`${r.pick(tables)} t${i}`);
    if (i > 0) where.push(`t${i}.id = t${r.below(i)}.id`);
    if (r.below(2)) where.push(r.pick([`t${i}.n BETWEEN ${r.below(5)} AND 9`, `t${i}.s LIKE '%${r.below(10)}%'`, `t${i}.n IN (SELECT n FROM app.hot WHERE id < ${r.below(40)})`, `EXISTS (SELECT 1 FROM app.seen e WHERE e.id = t${i}.id)`]));
  }
  const filter = where.length ? ` WHERE ${where.join(' AND ')}` : '';
  const last = `t${count - 1}`;
  return r.pick([
    `SELECT count(*), sum(t0.n), min(${last}.s) FROM ${from.join(', ')}${filter}`,
    `SELECT t0.n, count(DISTINCT ${last}.id) c, string_agg(t0.s, ',' ORDER BY t0.id) FROM ${from.join(', ')}${filter} GROUP BY ALL ORDER BY 1`,
    `WITH q AS (SELECT t0.id, t0.n, row_number() OVER (PARTITION BY t0.n ORDER BY ${last}.id, t0.id) k FROM ${from.join(', ')}${filter}) SELECT n, max(k) FROM q GROUP BY n ORDER BY n`,
    `SELECT t0.id FROM ${from.join(', ')}${filter} ORDER BY t0.id DESC LIMIT 20`,
  ]);
}

const server = await Server.start();
try {
  const root = await Client.login(server);
  await root.ok(`CREATE NAMESPACE app; CREATE SHARED TABLE app.hot (id INT PRIMARY KEY, n INT, s TEXT) WITH (ACCESS_LEVEL = 'PUBLIC');
    CREATE SHARED TABLE app.cold (id INT PRIMARY KEY, n INT, s TEXT) WITH (ACCESS_LEVEL = 'PUBLIC'); CREATE USER TABLE app.mine (id INT PRIMARY KEY, n INT, s TEXT);
    CREATE SHARED TABLE app.writes (batch INT, k INT, PRIMARY KEY (batch, k)) WITH (ACCESS_LEVEL = 'PUBLIC');
    CREATE VIEW app.seen AS SELECT h.id, c.n, h.s FROM app.hot h JOIN app.cold c ON h.id = c.id`);
  for (const table of ['hot', 'cold', 'mine']) await root.ok(`INSERT INTO app.${table} SELECT i, i % 10, 's' || i FROM range(200) r(i)`);
  await root.ok('STORAGE FLUSH TABLE app.cold WAIT; ALTER TABLE app.cold ADD COLUMN extra INT DEFAULT 7');

  // Asked with all the time they want; what ends early in between may not change the answers.
  const known = [];
  for (let i = 0; i < 12; ++i) {
    const sql = question();
    known.push({ sql, answer: JSON.stringify(await root.rows(sql)) });
  }
  const outcome = new Map();
  const note = (code) => outcome.set(code, (outcome.get(code) ?? 0) + 1);
  const short = () => ({ 'x-statement-timeout': String(1 + r.below(r.pick([5, 30, 120]) * patience)) });

  async function read() {
    const one = r.below(2) ? r.pick(known) : { sql: question() };
    const sql = r.below(5) ? one.sql : `EXPLAIN ${one.sql}`;
    const { status, body } = await root.request(sql, undefined, short());
    note(body.error?.code ?? 'ok');
    if (status === 200 && sql === one.sql && one.answer && JSON.stringify(body.results[0].rows) !== one.answer) return fail(`another answer: ${sql}`);
    if (status !== 200 && !['TIMEOUT', 'TOO_LARGE'].includes(body.error?.code)) return fail(`${sql} → ${JSON.stringify(body).slice(0, 600)}`);
    ++passed;
  }
  async function write() {
    const batch = ++writes;
    const from = r.pick([`range(${batchRows}) r(k)`, `(SELECT row_number() OVER (ORDER BY a.id) - 1 AS k FROM app.hot a JOIN app.cold b ON a.id = b.id JOIN app.seen c ON c.id = a.id LIMIT ${batchRows}) r`]);
    const { status, body } = await root.request(`INSERT INTO app.writes SELECT ${batch}, k FROM ${from}`, undefined, short());
    note(body.error?.code ?? 'written');
    const there = Number(await root.value('SELECT count(*) FROM app.writes WHERE batch = $1', [batch]));
    if (status === 200 ? there !== batchRows : there !== 0) return fail(`batch ${batch} was told ${JSON.stringify(body).slice(0, 300)}, and ${there} of ${batchRows} rows are there`);
    if (status !== 200 && body.error?.code !== 'TIMEOUT') return fail(`a write → ${JSON.stringify(body).slice(0, 600)}`);
    ++passed;
  }
  async function alter(i) {
    const { status, body } = await root.request(i % 2 ? 'ALTER TABLE app.cold DROP COLUMN IF EXISTS more' : "ALTER TABLE app.cold ADD COLUMN IF NOT EXISTS more TEXT DEFAULT 'x'", undefined, short());
    note(body.error?.code ?? 'altered');
    if (status !== 200 && !['TIMEOUT', 'SCHEMA_CHANGED'].includes(body.error?.code)) return fail(`ALTER → ${JSON.stringify(body).slice(0, 600)}`);
    ++passed;
  }

  const end = Date.now() + seconds * 1000;
  const people = [0, 1, 2, 3].map(async (who) => {
    for (let i = 0; Date.now() < end && failed === 0; ++i) await (who === 0 ? write() : who === 1 && i % 8 === 0 ? alter(i / 8) : read());
  });
  await Promise.all(people);
  for (const { sql, answer } of known) {
    if (JSON.stringify(await root.rows(sql)) !== answer) fail(`another answer at the end: ${sql}`);
    else ++passed;
  }
  console.log(`deadlines, seed ${seed}: ${[...outcome].sort((a, b) => b[1] - a[1]).map(([code, n]) => `${code} ${n}`).join(', ')}`);
  for (const code of ['ok', 'TIMEOUT', 'written']) if (!outcome.has(code)) fail(`no statement ended with ${code}: the deadlines are not what they should be`);
} catch (error) {
  fail(`${error.stack}\n${server.story()}`);
}
await server.close().catch((error) => fail(error.message));
report(passed, failed);
