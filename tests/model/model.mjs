// Random DML × ALTER × flush × compact × restart × kill −9 × live, against a model of the table; every answer is compared row for row.
//
//   node tests/model/model.mjs [--seed 1] [--steps 200] [--queries N] [--verbose]
// With --queries it goes on, seed after seed, until so many checked queries are done. Prints the seed, and on a difference the
// steps that led to it. Two users and one table each kind; each user watches a live query the whole time.
import { Server, until } from '../harness/server.mjs';
import { Client, Replica } from '../harness/client.mjs';
import { random, report } from '../harness/report.mjs';

const args = Object.fromEntries(process.argv.slice(2).map((word, i, all) => (word.startsWith('--') ? [word.slice(2), all[i + 1]?.startsWith('--') ? true : all[i + 1] ?? true] : [])).filter((pair) => pair.length));

const types = {
  INT: { random: (r) => r.below(2000) - 1000, sql: String, show: (v) => v, widen: ['BIGINT', 'DOUBLE'] },
  BIGINT: { random: (r) => (r.below(5) === 0 ? r.below(1_000_000) * 10_000_000 : r.below(2000) - 1000), sql: String, show: (v) => String(v), widen: [] },
  DOUBLE: { random: (r) => (r.below(4000) - 2000) / 4, sql: (v) => (Number.isInteger(v) ? `${v}.0` : String(v)), show: (v) => v, widen: [] },
  TEXT: { random: (r) => r.pick(['', 'a', 'b', "o'clock", 'zz', 'ünï', 'x'.repeat(r.below(40))]), sql: (v) => `'${v.replaceAll("'", "''")}'`, show: (v) => v, widen: [] },
  'VARCHAR(50)': { random: (r) => r.pick(['p', 'q', 'r'.repeat(r.below(20))]), sql: (v) => `'${v}'`, show: (v) => v, widen: ['TEXT'] },
  BOOLEAN: { random: (r) => r.below(2) === 1, sql: (v) => String(v), show: (v) => v, widen: [] },
};
const literal = (type, value) => (value === null ? 'NULL' : types[type].sql(value));

// One table as it should be: columns with ids, and per partition the rows by key, values by column id.
class Model {
  constructor(name, perUser) {
    this.name = name;
    this.perUser = perUser;
    this.nextColumn = 3;
    this.columns = [{ id: 1, name: 'id', type: 'INT' }, { id: 2, name: 'c2', type: 'INT' }, { id: 3, name: 'c3', type: 'TEXT' }];
    this.partitions = new Map();
    this.version = 1;
  }
  rows(user) {
    const key = this.perUser ? user : '';
    if (!this.partitions.has(key)) this.partitions.set(key, new Map());
    return this.partitions.get(key);
  }
  get data() { return this.columns.slice(1); }
  shown(row) { return this.columns.map((c) => { const v = row[c.id] ?? null; return v === null ? null : types[c.type].show(v); }); }
  sorted(user) { return [...this.rows(user).values()].sort((a, b) => a[1] - b[1]); }
}

class Run {
  constructor(seed, steps) {
    this.r = random(seed);
    this.seed = seed;
    this.steps = steps;
    this.trace = [];
    this.queries = 0;
    this.models = [new Model('app.u', true), new Model('app.s', false)];
  }

  note(text) {
    this.trace.push(text);
    if (args.verbose) console.log(`  ${this.trace.length}: ${text.slice(0, 200)}`);
  }

  async start() {
    this.server = await Server.start();
    this.root = await Client.login(this.server);
    await this.root.ok('CREATE NAMESPACE app');
    for (const m of this.models) {
      await this.root.ok(`CREATE ${m.perUser ? 'USER' : 'SHARED'} TABLE ${m.name} (id INT PRIMARY KEY, c2 INT, c3 TEXT)${m.perUser ? '' : " WITH (ACCESS_LEVEL='PUBLIC_WRITE')"}`);
    }
    this.users = [await this.root.newUser('ann'), await this.root.newUser('ben')];
    await this.watch();
  }

  // Opens a live query a user and table; after a restart they resume from where they were.
  async watch() {
    const before = this.watches ?? [];
    this.watches = [];
    for (const user of this.users) {
      const live = await user.live();
      for (const m of this.models) {
        const id = `${user.name}-${m.name}`;
        const old = before.find((w) => w.id === id);
        live.subscribe(id, `SELECT * FROM ${m.name}`, old ? { from: old.replica.seq } : {});
        this.watches.push({ id, live, user, m, seen: 0, replica: old?.replica ?? new Replica(['id']) });
        await live.next((f) => f.subscription_id === id && f.type === 'subscription_ack', `the ack of ${id}`);
      }
    }
  }

  async relogin() {
    this.root = await Client.login(this.server);
    this.users = await Promise.all(this.users.map((u) => Client.login(this.server, u.name, `pw-of-${u.name}-0123456789`)));
    for (const w of this.watches) w.live.socket.terminate();
    await this.watch();
  }

  // A live screen shows what a SELECT shows, once it has caught up.
  async checkWatches() {
    for (const w of this.watches) {
      const expected = w.m.sorted(w.user.name).map((row) => Object.fromEntries(w.m.columns.map((c, i) => [c.name, w.m.shown(row)[i]])));
      const wanted = expected.map((row) => JSON.stringify(row)).sort();
      let got;
      await until(() => {
        this.applyFrames(w);
        got = [...w.replica.rows.values()].map(({ _seq, ...row }) => JSON.stringify(Object.fromEntries(w.m.columns.map((c) => [c.name, row[c.name] ?? null])))).sort();
        return JSON.stringify(got) === JSON.stringify(wanted);
      }, `live screen ${w.id} to show what is true;\n wanted ${JSON.stringify(wanted).slice(0, 1500)}`, 15_000).catch((error) => { throw new Error(`${error.message}\n got ${JSON.stringify(got).slice(0, 1500)}`); });
      this.queries++;
    }
  }

  applyFrames(w) {
    const frames = w.live.of(w.id);
    while (w.seen < frames.length) {
      const frame = frames[w.seen++];
      if (frame.type === 'schema_change') {
        // What a client does with the rows it holds: the test knows which ALTER each version was.
        for (let v = frame.old_version + 1; v <= frame.new_version; v++) {
          for (const row of w.replica.rows.values()) (w.m.reshape?.[v] ?? (() => {}))(row);
        }
      }
      w.replica.apply(frame);
    }
  }

  async compare(m, user, sql, params, expected) {
    const got = await user.rows(sql, params);
    this.queries++;
    if (JSON.stringify(got) !== JSON.stringify(expected)) {
      throw new Error(`${user.name}: ${sql} ${JSON.stringify(params ?? [])}\n expected ${JSON.stringify(expected).slice(0, 3000)}\n got      ${JSON.stringify(got).slice(0, 3000)}`);
    }
  }

  async checkAll() {
    for (const m of this.models) for (const user of this.users) await this.compare(m, user, `SELECT * FROM ${m.name} ORDER BY id`, undefined, m.sorted(user.name).map((row) => m.shown(row)));
    await this.checkWatches();
  }

  async step() {
    const { r } = this;
    const m = r.pick(this.models);
    const user = r.pick(this.users);
    const rows = m.rows(user.name);
    const pick = r.below(100);
    if (pick < 22) return this.insert(m, user, rows);
    if (pick < 30) return this.upsert(m, user, rows);
    if (pick < 42) return this.update(m, user, rows);
    if (pick < 50) return this.remove(m, user, rows);
    if (pick < 74) return this.query(m, user, rows);
    if (pick < 84) return this.alter(m);
    if (pick < 91) { this.note(`flush ${m.name}`); await this.root.ok(`STORAGE FLUSH TABLE ${m.name} WAIT`); return; }
    if (pick < 94) { this.note(`compact ${m.name}`); await this.root.ok(`STORAGE COMPACT TABLE ${m.name} WAIT`); return; }
    if (pick < 96) { this.note('check all'); return this.checkAll(); }
    if (pick < 98) { this.note('restart'); await this.checkWatches(); await this.server.restart(); return this.relogin(); }
    this.note('kill -9');
    await this.checkWatches();
    await this.server.crash();
    return this.relogin();
  }

  newRow(m, id) {
    const row = { 1: id };
    for (const c of m.data) row[c.id] = this.r.below(5) === 0 ? null : types[c.type].random(this.r);
    return row;
  }

  async insert(m, user, rows) {
    const list = Array.from({ length: 1 + this.r.below(4) }, () => this.newRow(m, this.r.below(60)));
    const sql = `INSERT INTO ${m.name} VALUES ${list.map((row) => `(${m.columns.map((c) => literal(c.type, row[c.id])).join(', ')})`).join(', ')}`;
    this.note(`${user.name}: ${sql}`);
    const clash = list.some((row, i) => rows.has(row[1]) || list.findIndex((other) => other[1] === row[1]) !== i);
    if (clash) { await user.error(sql, 'UNIQUE_VIOLATION'); return; }
    await user.ok(sql);
    for (const row of list) rows.set(row[1], row);
  }

  async upsert(m, user, rows) {
    const row = this.newRow(m, this.r.below(60));
    const c = m.data.length ? this.r.pick(m.data) : null;
    const nothing = !c || this.r.below(2) === 0;
    const sql = `INSERT INTO ${m.name} VALUES (${m.columns.map((col) => literal(col.type, row[col.id])).join(', ')}) ON CONFLICT (id) DO ${nothing ? 'NOTHING' : `UPDATE SET ${c.name} = EXCLUDED.${c.name}`}`;
    this.note(`${user.name}: ${sql}`);
    await user.ok(sql);
    if (!rows.has(row[1])) rows.set(row[1], row);
    else if (!nothing) rows.set(row[1], { ...rows.get(row[1]), [c.id]: row[c.id] });
  }

  async update(m, user, rows) {
    if (!m.data.length) return;
    const c = this.r.pick(m.data);
    const value = this.r.below(6) === 0 ? null : types[c.type].random(this.r);
    if (this.r.below(2)) {
      const id = this.r.below(60);
      this.note(`${user.name}: update ${m.name} set ${c.name} = ${value} where id = ${id}`);
      await user.ok(`UPDATE ${m.name} SET ${c.name} = ${literal(c.type, value)} WHERE id = $1`, [id]);
      if (rows.has(id)) rows.set(id, { ...rows.get(id), [c.id]: value });
    } else {
      const from = this.r.below(60);
      this.note(`${user.name}: update ${m.name} set ${c.name} = ${value} where id % 7 = ${from % 7}`);
      await user.ok(`UPDATE ${m.name} SET ${c.name} = ${literal(c.type, value)} WHERE id % 7 = ${from % 7}`);
      for (const [id, row] of rows) if (id % 7 === from % 7) rows.set(id, { ...row, [c.id]: value });
    }
  }

  async remove(m, user, rows) {
    const id = this.r.below(60);
    if (this.r.below(3)) {
      this.note(`${user.name}: delete from ${m.name} where id = ${id}`);
      await user.ok(`DELETE FROM ${m.name} WHERE id = ${id}`);
      rows.delete(id);
    } else {
      this.note(`${user.name}: delete from ${m.name} where id % 11 = ${id % 11}`);
      await user.ok(`DELETE FROM ${m.name} WHERE id % 11 = ${id % 11}`);
      for (const key of [...rows.keys()]) if (key % 11 === id % 11) rows.delete(key);
    }
  }

  async query(m, user, rows) {
    const all = m.sorted(user.name);
    const kind = this.r.below(6);
    const show = (list) => list.map((row) => m.shown(row));
    if (kind === 0) {
      const id = this.r.below(60);
      return this.compare(m, user, `SELECT * FROM ${m.name} WHERE id = $1`, [id], show(all.filter((row) => row[1] === id)));
    }
    if (kind === 1) {
      const from = this.r.below(60);
      return this.compare(m, user, `SELECT * FROM ${m.name} WHERE id >= ${from} ORDER BY id LIMIT 5`, undefined, show(all.filter((row) => row[1] >= from).slice(0, 5)));
    }
    if (kind === 2) return this.compare(m, user, `SELECT * FROM ${m.name} ORDER BY id DESC LIMIT 3`, undefined, show(all.reverse().slice(0, 3)));
    if (!m.data.length) return;
    const c = this.r.pick(m.data);
    if (kind === 3) return this.compare(m, user, `SELECT count(*), count(${c.name}) FROM ${m.name}`, undefined, [[String(all.length), String(all.filter((row) => (row[c.id] ?? null) !== null).length)]]);
    if (kind === 4) return this.compare(m, user, `SELECT id FROM ${m.name} WHERE ${c.name} IS NULL ORDER BY id`, undefined, all.filter((row) => (row[c.id] ?? null) === null).map((row) => [row[1]]));
    const sample = all.length ? this.r.pick(all)[c.id] ?? null : null;
    const value = sample === null ? types[c.type].random(this.r) : sample;
    const op = c.type === 'BOOLEAN' ? '=' : this.r.pick(['=', '>', '<=', '<>']);
    const test = { '=': (v) => v === value, '>': (v) => v > value, '<=': (v) => v <= value, '<>': (v) => v !== value }[op];
    const utf8 = (v) => (typeof v === 'string' ? Buffer.from(v).toString('latin1') : v);
    const cmp = { '=': (v) => v === value, '<>': (v) => v !== value, '>': (v) => utf8(v) > utf8(value), '<=': (v) => utf8(v) <= utf8(value) }[op] ?? test;
    return this.compare(m, user, `SELECT id FROM ${m.name} WHERE ${c.name} ${op} ${literal(c.type, value)} ORDER BY id`, undefined, all.filter((row) => (row[c.id] ?? null) !== null && cmp(row[c.id])).map((row) => [row[1]]));
  }

  async alter(m) {
    const { r } = this;
    const kind = r.below(6);
    let sql;
    let apply;
    let reshape = () => {};
    if (kind <= 1 && m.columns.length < 8) {
      const type = r.pick(Object.keys(types));
      const value = r.below(3) === 0 ? null : types[type].random(r);
      const column = { id: ++m.nextColumn, name: r.below(3) ? `c${m.nextColumn}` : `n${r.below(4)}`, type };
      if (m.columns.some((c) => c.name === column.name)) { m.nextColumn--; return; }
      sql = `ADD COLUMN ${column.name} ${type}${value === null ? '' : ` DEFAULT ${literal(type, value)}`}`;
      reshape = (row) => { row[column.name] = value === null ? null : types[type].show(value); };
      apply = () => { m.columns.push(column); for (const part of m.partitions.values()) for (const row of part.values()) row[column.id] = value; };
    } else if (kind === 2 && m.data.length > 1) {
      const c = r.pick(m.data);
      sql = `DROP COLUMN ${c.name}`;
      reshape = (row) => { delete row[c.name]; };
      apply = () => { m.columns = m.columns.filter((other) => other !== c); };
    } else if (kind === 3 && m.data.length > 0) {
      const c = r.pick(m.data);
      const name = `r${r.below(1000)}`;
      if (m.columns.some((other) => other.name === name)) return;
      const old = c.name;
      sql = `RENAME COLUMN ${old} TO ${name}`;
      reshape = (row) => { row[name] = row[old]; delete row[old]; };
      apply = () => { c.name = name; };
    } else if (kind === 4 && m.data.length > 1) {
      const [a, b] = m.data;
      const [na, nb] = [a.name, b.name];
      sql = `RENAME COLUMN ${na} TO swap_, RENAME COLUMN ${nb} TO ${na}, RENAME COLUMN swap_ TO ${nb}`;
      reshape = (row) => { [row[na], row[nb]] = [row[nb], row[na]]; };
      apply = () => { a.name = nb; b.name = na; };
    } else if (kind === 5) {
      const c = r.pick(m.data.filter((col) => types[col.type].widen.length));
      if (!c) return;
      const to = r.pick(types[c.type].widen);
      const old = c.type;
      const { name } = c;
      sql = `ALTER COLUMN ${c.name} TYPE ${to}`;
      reshape = (row) => { if (row[name] !== null && old === 'INT' && to === 'BIGINT') row[name] = String(row[name]); };
      apply = () => { c.type = to; };
    } else return;
    this.note(`alter ${m.name}: ${sql}`);
    await this.root.ok(`ALTER TABLE ${m.name} ${sql}`);
    m.version++;
    (m.reshape ??= {})[m.version] = reshape;
    apply();
  }

  async all() {
    await this.start();
    for (let i = 0; i < this.steps; i++) await this.step();
    await this.checkAll();
    for (const w of this.watches) w.live.socket.terminate();
    await this.server.close();
  }
}

let seed = Number(args.seed ?? 1);
const steps = Number(args.steps ?? 200);
const wanted = Number(args.queries ?? 0);
const seeds = Number(args.seeds ?? 1);
let passed = 0;
let failed = 0;
let checked = 0;
const first = seed;
do {
  const run = new Run(seed, steps);
  try {
    await run.all();
    passed++;
    console.log(`ok   model seed ${seed}: ${run.trace.length} steps, ${run.queries} checked queries`);
  } catch (error) {
    failed++;
    console.log(`FAIL model seed ${seed} after ${run.trace.length} steps:\n${error.stack}\nlast steps:\n  ${run.trace.slice(-25).join('\n  ')}\nserver log:\n${run.server?.log.slice(-3000)}`);
    await run.server?.kill();
  }
  checked += run.queries;
  seed++;
} while (failed === 0 && (wanted ? checked < wanted : seed < first + seeds));
console.log(`model: ${checked} checked queries, seeds ${first} to ${seed - 1}`);
report(passed, failed);
