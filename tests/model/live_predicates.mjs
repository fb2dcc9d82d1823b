// Live queries with random predicates and projections, while random statements change the table: each screen must show what the same
// SELECT shows, at every pause. Flushes, ALTERs, kills and resumes in between.
//
//   node tests/model/live_predicates.mjs [--seed 1] [--seeds 1] [--steps 120] [--screens 25]
import { Server, until } from '../harness/server.mjs';
import { Client, Replica } from '../harness/client.mjs';
import { random, report } from '../harness/report.mjs';
import { Expressions, familyOf, randomLiteral } from './sql_generator.mjs';

const args = Object.fromEntries(process.argv.slice(2).map((word, i, all) => (word.startsWith('--') ? [word.slice(2), all[i + 1]] : [])).filter((pair) => pair.length));
const t = 'app.t';
const start = [{ name: 'id', type: 'INT' }, { name: 'n', type: 'INT' }, { name: 's', type: 'TEXT' }, { name: 'd', type: 'DOUBLE' }, { name: 'm', type: 'DECIMAL(10,2)' }, { name: 'b', type: 'BOOLEAN' }, { name: 'at', type: 'TIMESTAMP' }, { name: 'day', type: 'DATE' }];

class Run {
  constructor(seed) {
    Object.assign(this, { seed, r: random(seed), trace: [], columns: start.map((c) => ({ ...c })), compared: 0 });
  }

  note(sql) { this.trace.push(sql); }
  async do(sql) {
    this.note(sql);
    const { body } = await this.client.request(sql);
    if (body.status !== 'success' && !['UNIQUE_VIOLATION', 'TYPE_MISMATCH'].includes(body.error.code)) throw new Error(`${sql} → ${JSON.stringify(body.error)}`);
  }

  scope() { return this.columns.map((c) => ({ sql: c.name, type: c.type })); }
  row(id) { return this.columns.map((c) => (c.name === 'id' ? id : this.r.below(6) === 0 ? 'NULL' : randomLiteral(this.r, c.type))).join(', '); }

  async open() {
    const { r } = this;
    this.live = await this.client.live();
    this.screens ??= Array.from({ length: Number(args.screens ?? 25) }, (_, i) => {
      const e = new Expressions(r, this.scope());
      const some = this.columns.filter(() => r.below(2)).map((c) => c.name).filter((name) => name !== 'id');
      const list = r.below(4) === 0 ? '*' : ['id', ...some, ...(r.below(2) ? [`${e.value(familyOf(r.pick(this.columns).type), 1)} AS extra`] : [])].join(', ');
      return { id: `q${i}`, list, where: r.below(6) ? ` WHERE ${e.predicate(2)}` : '', replica: new Replica(['id']) };
    });
    for (const s of this.screens) {
      s.seen = 0;
      this.live.subscribe(s.id, `SELECT ${s.list} FROM ${t}${s.where}`, s.replica.seq ? { from: s.replica.seq } : {});
      const first = await this.live.next((f) => f.subscription_id === s.id, `the ack of ${s.list}${s.where}`);
      if (first.type === 'error') throw new Error(`SELECT ${s.list} FROM ${t}${s.where}: ${JSON.stringify(first)}`);
    }
  }

  async compare() {
    for (const s of this.screens) {
      const [{ schema, rows }] = await this.client.ok(`SELECT ${s.list}, _seq FROM ${t}${s.where} ORDER BY id`);
      const names = schema.map((c) => c.name);
      const want = rows.map((row) => JSON.stringify(Object.fromEntries(row.map((v, i) => [names[i], v]))));
      let got;
      await until(() => {
        for (const frames = this.live.of(s.id); s.seen < frames.length; s.seen++) s.replica.apply(frames[s.seen]);
        got = [...s.replica.rows.values()].sort((a, b) => a.id - b.id).map((row) => JSON.stringify(Object.fromEntries(names.map((name) => [name, row[name]]))));
        return JSON.stringify(got) === JSON.stringify(want);
      }, `SELECT ${s.list} FROM ${t}${s.where}`, 10_000).catch((error) => {
        const at = want.findIndex((line, i) => line !== got[i]);
        throw new Error(`${error.message}\n SELECT shows ${want.length} rows, the screen ${got.length}; first difference: SELECT ${want[at]}, screen ${got[at]}`);
      });
      this.compared++;
    }
  }

  async step() {
    const { r } = this;
    const e = new Expressions(r, this.scope());
    const c = r.pick(this.columns.slice(1));
    const pick = r.below(100);
    if (pick < 30) return this.do(`INSERT INTO ${t} VALUES ${Array.from({ length: 1 + r.below(5) }, () => `(${this.row(r.below(300))})`).join(', ')} ON CONFLICT DO NOTHING`);
    if (pick < 40) return this.do(`INSERT INTO ${t} VALUES (${this.row(r.below(300))}) ON CONFLICT (id) DO UPDATE SET ${c.name} = EXCLUDED.${c.name}`);
    if (pick < 62) return this.do(`UPDATE ${t} SET ${c.name} = ${randomLiteral(r, c.type)} WHERE ${r.below(2) ? `id = ${r.below(300)}` : e.predicate(1)}`);
    if (pick < 66) return this.do(`UPDATE ${t} SET id = id + 1 WHERE ${r.below(2) ? 'id > 150' : 'id IN (5, 17, 42)'}`);
    if (pick < 78) return this.do(`DELETE FROM ${t} WHERE id % 9 = ${r.below(9)} AND ${e.predicate(1)}`);
    if (pick < 84) { this.note('-- flush'); return this.client.ok(`STORAGE FLUSH TABLE ${t} WAIT`); }
    if (pick < 86) { this.note('-- compact'); return this.client.ok(`STORAGE COMPACT TABLE ${t} WAIT`); }
    if (pick < 88) return this.stop('crash');
    if (pick < 90) return this.stop('restart');
    return this.compare();
  }

  async stop(how) {
    this.note(`-- ${how}`);
    await this.compare();
    this.live.socket.terminate();
    await this.server[how]();
    this.client = await Client.login(this.server);
    await this.open();
  }

  async all() {
    this.server = await Server.start({ flags: ['--limits.auth_per_second', '1000'] });
    this.client = await Client.login(this.server);
    await this.client.ok(`CREATE NAMESPACE app; CREATE TABLE ${t} (${this.columns.map((c) => `${c.name} ${c.type}${c.name === 'id' ? ' PRIMARY KEY' : ''}`).join(', ')})`);
    for (let i = 0; i < 40; i++) await this.do(`INSERT INTO ${t} VALUES (${this.row(i * 5)})`);
    await this.open();
    for (let i = 0; i < Number(args.steps ?? 120); i++) await this.step();
    await this.compare();
    this.live.socket.terminate();
    await this.server.close();
  }
}

let passed = 0;
let failed = 0;
const first = Number(args.seed ?? 1);
for (let seed = first; seed < first + Number(args.seeds ?? 1) && !failed; seed++) {
  const run = new Run(seed);
  try {
    await run.all();
    passed++;
    console.log(`ok   live predicates seed ${seed}: ${run.trace.length} statements, ${run.compared} compared screens`);
  } catch (error) {
    failed++;
    console.log(`FAIL live predicates seed ${seed} after ${run.trace.length} statements:\n${error.stack}\nstatements before:\n  ${run.trace.slice(-15).map((s) => s.slice(0, 400)).join('\n  ')}\nserver log:\n${run.server?.story()}`);
    await run.server?.kill();
  }
}
report(passed, failed);
