// The matrix of schema evolution: each kind of ALTER × {hot, cold, mixed, compacted} × {USER, SHARED} × {as is, after restart}.
//
//   node tests/evolution/matrix.mjs [--only text] [--places hot,cold,…] [--slice 4]     one line a cell that fails, RESULT at the end
// --slice 4: two of the eight places and kinds a case, other ones from case to case, so that each meets each kind of change.
// Each cell is a table of its own. A small model applies the same actions; after each ALTER rows are added, changed and deleted under the new
// schema. Then every answer is compared: whole rows, by key, ranges, IS NULL, each comparison with values old and new, counts,
// minimum and maximum, groups, a live snapshot, and what a live query open since before the first ALTER shows.
import { Server, until } from '../harness/server.mjs';
import { Client, Replica } from '../harness/client.mjs';
import { report } from '../harness/report.mjs';
import { literal, shown, compare, widened, sample } from './values.mjs';

const args = Object.fromEntries(process.argv.slice(2).map((word, i, all) => (word.startsWith('--') ? [word.slice(2), all[i + 1]] : [])).filter((pair) => pair.length));

// --- actions: the SQL and what it does to the model -------------------------------------------------------------------------------------
const defaultText = (type, v) => (typeof v === 'number' ? String(v) : literal(type, v));
const add = (name, type, options = {}) => ({
  sql: `ADD COLUMN ${name} ${type}${options.notNull ? ' NOT NULL' : ''}${options.default !== undefined ? ` DEFAULT ${defaultText(type, options.default)}` : ''}`,
  apply(t) {
    t.columns.push({ name, type, notNull: options.notNull, default: options.default ?? null, fresh: true });
    for (const row of t.allRows()) row[name] = options.default ?? null;
  },
});
const drop = (name) => ({
  sql: `DROP COLUMN ${name}`,
  apply(t) { t.columns = t.columns.filter((c) => c.name !== name); for (const row of t.allRows()) delete row[name]; },
});
const rename = (from, to) => ({
  sql: `RENAME COLUMN ${from} TO ${to}`,
  apply(t) { t.column(from).name = to; for (const row of t.allRows()) { row[to] = row[from]; delete row[from]; } },
});
const retype = (name, type) => ({
  sql: `ALTER COLUMN ${name} TYPE ${type}`,
  apply(t) {
    const c = t.column(name);
    for (const row of t.allRows()) row[name] = widened(c.type, type, row[name]);
    if (c.default !== undefined && c.default !== null) c.default = widened(c.type, type, c.default);
    c.type = type;
  },
});
const relax = (name) => ({ sql: `ALTER COLUMN ${name} DROP NOT NULL`, apply(t) { t.column(name).notNull = false; } });
const modifyNull = (name, type) => ({ sql: `MODIFY COLUMN ${name} ${type} NULL`, apply(t) { t.column(name).notNull = false; } });
const setNotNull = (name) => ({ sql: `ALTER COLUMN ${name} SET NOT NULL`, apply(t) { t.column(name).notNull = true; } });
const setDefault = (name, type, value) => ({ sql: `ALTER COLUMN ${name} SET DEFAULT ${defaultText(type, value)}`, apply(t) { t.column(name).default = value; } });
const all = (...actions) => ({ sql: actions.map((a) => a.sql).join(', '), apply(t) { for (const a of actions) a.apply(t); } });

// --- the cases: columns beside `id INT PRIMARY KEY`, and statements one after the other --------------------------------------------------
const plain = [{ name: 'a', type: 'INT' }, { name: 'b', type: 'TEXT' }];
const cases = {
  add: { columns: plain, alters: [add('c', 'INT')] },
  'add with default': { columns: plain, alters: [add('c', 'INT', { default: 5 }), add('d', 'TEXT', { default: "it's" })] },
  'add with default, changed later': { columns: plain, alters: [add('c', 'INT', { default: 5 }), setDefault('c', 'INT', 9)] },
  'add NOT NULL default': { columns: plain, alters: [add('c', 'INT', { default: -7, notNull: true })] },
  drop: { columns: plain, alters: [drop('a')] },
  'drop and add again': { columns: plain, alters: [drop('a'), add('a', 'INT')] },
  'drop and add again as another type': { columns: plain, alters: [drop('a'), add('a', 'TEXT', { default: 'new' })] },
  rename: { columns: plain, alters: [rename('a', 'z')] },
  'rename swap': { columns: [...plain, { name: 'c', type: 'INT' }], alters: [all(rename('a', 'tmp'), rename('c', 'a'), rename('tmp', 'c'))] },
  'relax NULL': { columns: [{ name: 'a', type: 'INT', notNull: true }, { name: 'b', type: 'TEXT' }], alters: [relax('a')] },
  'relax NULL by MODIFY': { columns: [{ name: 'a', type: 'INT', notNull: true }, { name: 'b', type: 'TEXT' }], alters: [modifyNull('a', 'INT')] },
  'set NOT NULL': { columns: [{ name: 'a', type: 'INT', filled: true }, { name: 'b', type: 'TEXT' }], alters: [setNotNull('a')] },
  'multi-action': { columns: [...plain, { name: 'c', type: 'INT' }], alters: [all(add('d', 'DOUBLE', { default: 0.5 }), rename('a', 'a2'), drop('b'), retype('c', 'BIGINT'), add('b', 'BIGINT', { default: 77 }))] },
  'widen an added column': { columns: plain, alters: [add('c', 'INT', { default: 5 }), retype('c', 'BIGINT')] },
  'many versions': { columns: plain, alters: [add('c', 'INT', { default: 1 }), rename('c', 'd'), retype('d', 'DOUBLE'), drop('b'), add('b', 'BOOLEAN', { default: true }), rename('a', 'c')] },
};
for (const [from, to] of [['SMALLINT', 'INT'], ['SMALLINT', 'BIGINT'], ['SMALLINT', 'DOUBLE'], ['SMALLINT', 'DECIMAL(9,2)'], ['INT', 'BIGINT'], ['INT', 'DOUBLE'], ['INT', 'DECIMAL(12,2)'],
  ['BIGINT', 'DECIMAL(21,2)'], ['FLOAT', 'DOUBLE'], ['DECIMAL(6,2)', 'DECIMAL(10,4)'], ['VARCHAR(5)', 'VARCHAR(20)'], ['VARCHAR(5)', 'TEXT'], ['DATE', 'TIMESTAMP']]) {
  cases[`widen ${from} to ${to}, filter on old bounds`] = { columns: [{ name: 'a', type: from }, { name: 'b', type: 'TEXT' }], alters: [retype('a', to)] };
}

// --- one table -----------------------------------------------------------------------------------------------------------------------------
class Table {
  constructor(name, kind, place, columns) {
    Object.assign(this, { name, kind, place });
    this.columns = [{ name: 'id', type: 'INT' }, ...columns.map((c) => ({ ...c }))];
    this.partitions = { ann: new Map(), ben: new Map() };   // by user; SHARED: only ann's
    this.version = 1;
    this.nextId = 1;
  }
  column(name) { return this.columns.find((c) => c.name === name); }
  get users() { return this.kind === 'USER' ? ['ann', 'ben'] : ['ann']; }
  *allRows() { for (const p of Object.values(this.partitions)) yield* p.values(); }
  rows(user) { return [...this.partitions[user].values()].sort((x, y) => x.id - y.id); }
  shownRow(row) { return this.columns.map((c) => shown(c.type, row[c.name])); }
}

class Cell {
  constructor(world, name, plan, kind, place) {
    Object.assign(this, { world, plan, kind, place, label: `${name} × ${place} × ${kind}` });
    this.table = new Table(`app.t${++world.tables}`, kind, place, plan.columns);
  }

  client(user) { return this.world.clients[user]; }
  flush() { return this.world.root.ok(`STORAGE FLUSH TABLE ${this.table.name} WAIT`); }

  async insert(count) {
    const t = this.table;
    const from = t.nextId;
    t.nextId += count;
    for (const [shift, user] of t.users.entries()) {
      const rows = Array.from({ length: count }, (_, i) => {
        const row = { id: from + i };
        for (const [k, c] of t.columns.slice(1).entries()) row[c.name] = !c.notNull && !c.filled && (row.id + k) % 6 === 0 ? null : sample(c.type, row.id * 3 + k + shift * 1000);
        return row;
      });
      await this.client(user).ok(`INSERT INTO ${t.name} (${t.columns.map((c) => c.name).join(', ')}) VALUES ${rows.map((row) => `(${t.columns.map((c) => literal(c.type, row[c.name])).join(', ')})`).join(', ')}`);
      for (const row of rows) t.partitions[user].set(row.id, row);
    }
  }

  // Rows after an ALTER: given values, a row of defaults, an old row changed, one deleted.
  async touch(step) {
    const t = this.table;
    await this.insert(3);
    const id = t.nextId++;
    for (const user of t.users) {
      const needed = t.columns.slice(1).filter((c) => (c.notNull && (c.default ?? null) === null) || c.filled);
      const row = Object.fromEntries(t.columns.map((c) => [c.name, c.default ?? null]));
      row.id = id;
      for (const c of needed) row[c.name] = sample(c.type, id);
      const given = ['id', ...needed.map((c) => c.name)];
      await this.client(user).ok(`INSERT INTO ${t.name} (${given.join(', ')}) VALUES (${given.map((name) => literal(t.column(name).type, row[name])).join(', ')})`);
      t.partitions[user].set(id, row);
      const changed = t.partitions[user].get(5 + step);
      const c = t.columns[1 + (step % (t.columns.length - 1))];
      if (changed) {
        changed[c.name] = sample(c.type, 90 + step);
        await this.client(user).ok(`UPDATE ${t.name} SET ${c.name} = ${literal(c.type, changed[c.name])} WHERE id = ${changed.id}`);
      }
      await this.client(user).ok(`DELETE FROM ${t.name} WHERE id = ${25 + step}`);
      t.partitions[user].delete(25 + step);
    }
  }

  async build() {
    const t = this.table;
    const columns = t.columns.map((c) => `${c.name} ${c.type}${c.name === 'id' ? ' PRIMARY KEY' : c.notNull ? ' NOT NULL' : ''}`).join(', ');
    await this.world.root.ok(`CREATE ${t.kind} TABLE ${t.name} (${columns})${t.kind === 'SHARED' ? " WITH (ACCESS_LEVEL = 'PUBLIC_WRITE')" : ''}`);
    await this.insert(20);
    if (this.place !== 'hot') await this.flush();
    await this.insert(20);
    if (this.place === 'cold' || this.place === 'compacted') await this.flush();
    await this.watch();
    for (const [step, action] of this.plan.alters.entries()) {
      await this.world.root.ok(`ALTER TABLE ${t.name} ${action.sql}`);
      t.version++;
      action.apply(t);
      await this.check('straight after the ALTER');
      await this.touch(step);
      if (this.place === 'cold' || this.place === 'compacted') await this.flush();
    }
    if (this.place === 'compacted') await this.world.root.ok(`STORAGE COMPACT TABLE ${t.name} WAIT`);
  }

  // A live query from before the first ALTER: what it holds for old columns follows the protocol, so only its keys are compared.
  async watch() {
    this.replicas = [];
    for (const user of this.table.users) {
      const live = this.world.lives[user];
      const id = `${this.table.name}-${user}`;
      live.subscribe(id, `SELECT * FROM ${this.table.name}`, {});
      this.replicas.push({ user, live, id, seen: 0, replica: new Replica(['id']) });
      await live.ready(id);
    }
  }

  async checkLive() {
    const t = this.table;
    for (const w of this.replicas) {
      const want = JSON.stringify(t.rows(w.user).map((row) => row.id));
      await until(() => {
        for (const frames = w.live.of(w.id); w.seen < frames.length; w.seen++) w.replica.apply(frames[w.seen]);
        return JSON.stringify([...w.replica.rows.values()].map((row) => row.id).sort((a, b) => a - b)) === want;
      }, `the open live query of ${w.user} to hold ${want}`, 10_000);
      const changes = w.live.of(w.id).filter((f) => f.type === 'schema_change');
      const versions = JSON.stringify(changes.map((f) => [f.old_version, f.new_version]));
      const expected = JSON.stringify(Array.from({ length: t.version - 1 }, (_, i) => [i + 1, i + 2]));
      if (versions !== expected) throw new Error(`schema_change frames ${versions}, expected ${expected}`);
      w.live.send({ type: 'unsubscribe', subscription_id: w.id });
      const id = `${w.id}-again`;
      w.live.subscribe(id, `SELECT * FROM ${t.name}`, {});
      await w.live.ready(id);
      const rows = w.live.of(id).filter((f) => f.type === 'initial_data_batch').flatMap((f) => f.rows).map((row) => JSON.stringify(t.columns.map((c) => row[c.name])));
      const wanted = t.rows(w.user).map((row) => JSON.stringify(t.shownRow(row)));
      if (JSON.stringify(rows) !== JSON.stringify(wanted)) throw new Error(`the live snapshot\n expected ${wanted}\n got      ${rows}`);
      w.live.send({ type: 'unsubscribe', subscription_id: id });
    }
  }

  async compare(user, sql, expected, params) {
    const got = await this.client(user).rows(sql, params);
    this.world.queries++;
    if (JSON.stringify(got) !== JSON.stringify(expected)) throw new Error(`${user}: ${sql} ${params ? JSON.stringify(params) : ''}\n expected ${JSON.stringify(expected)}\n got      ${JSON.stringify(got)}`);
  }

  async check(when) {
    try {
      for (const user of this.table.users) await this.checkUser(user);
    } catch (error) {
      throw new Error(`${when}: ${error.message}`);
    }
  }

  async checkUser(user) {
    const t = this.table;
    const rows = t.rows(user);
    const ids = (keep) => rows.filter(keep).map((row) => [row.id]);
    await this.compare(user, `SELECT * FROM ${t.name} ORDER BY id`, rows.map((row) => t.shownRow(row)));
    for (const id of [1, 5, 6, 20, 21, 25, 40, t.nextId - 1]) await this.compare(user, `SELECT * FROM ${t.name} WHERE id = $1`, rows.filter((row) => row.id === id).map((row) => t.shownRow(row)), [id]);
    await this.compare(user, `SELECT id FROM ${t.name} WHERE id >= 10 AND id < 30 ORDER BY id DESC LIMIT 5`, ids((row) => row.id >= 10 && row.id < 30).reverse().slice(0, 5));
    await this.compare(user, `SELECT count(*) FROM ${t.name}`, [[String(rows.length)]]);
    for (const c of t.columns.slice(1)) await this.checkColumn(user, c, rows, ids);
  }

  async checkColumn(user, c, rows, ids) {
    const t = this.table;
    const where = (test) => `SELECT id FROM ${t.name} WHERE ${test} ORDER BY id`;
    const filled = rows.filter((row) => row[c.name] !== null);
    const sorted = filled.map((row) => row[c.name]).sort((x, y) => compare(c.type, x, y));
    await this.compare(user, where(`${c.name} IS NULL`), ids((row) => row[c.name] === null));
    await this.compare(user, where(`${c.name} IS NOT NULL`), ids((row) => row[c.name] !== null));
    await this.compare(user, `SELECT count(${c.name}), count(*) FROM ${t.name}`, [[String(filled.length), String(rows.length)]]);
    const groups = new Map();
    for (const row of rows) groups.set(JSON.stringify(shown(c.type, row[c.name])), (groups.get(JSON.stringify(shown(c.type, row[c.name]))) ?? 0) + 1);
    const largest = [...groups.values()].sort((x, y) => y - x)[0] ?? 0;
    await this.compare(user, `SELECT count(*), coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM ${t.name} GROUP BY ${c.name})`, [[String(groups.size), String(largest)]]);
    if (!sorted.length) return;
    if (c.type !== 'BOOLEAN') await this.compare(user, `SELECT min(${c.name}), max(${c.name}) FROM ${t.name}`, [[shown(c.type, sorted[0]), shown(c.type, sorted[sorted.length - 1])]]);
    const values = [sorted[0], sorted[sorted.length >> 1], sorted[sorted.length - 1], ...(c.default !== undefined && c.default !== null ? [c.default] : [])];
    for (const v of new Set(values)) {
      const text = literal(c.type, v);
      const is = (test) => ids((row) => row[c.name] !== null && test(compare(c.type, row[c.name], v)));
      await this.compare(user, where(`${c.name} = ${text}`), is((d) => d === 0));
      await this.compare(user, where(`${c.name} <> ${text}`), is((d) => d !== 0));
      await this.compare(user, where(`${c.name} < ${text}`), is((d) => d < 0));
      await this.compare(user, where(`${c.name} >= ${text}`), is((d) => d >= 0));
      await this.compare(user, where(`${c.name} = $1`), is((d) => d === 0), [shown(c.type, v)]);
      await this.compare(user, where(`${c.name} IN (${text}, NULL)`), is((d) => d === 0));
    }
    const beyond = { BIGINT: '5000000000000000', DOUBLE: '1e300', INT: '2147483647', TEXT: "'zzzz long beyond any bound'", TIMESTAMP: "TIMESTAMP '2200-01-01 00:00:00.5'" }[c.type];
    if (beyond) {
      await this.compare(user, where(`${c.name} > ${beyond}`), []);
      await this.compare(user, where(`${c.name} < ${beyond}`), ids((row) => row[c.name] !== null));
    }
    if (c.type === 'DOUBLE' || c.type.startsWith('DECIMAL')) await this.compare(user, where(`${c.name} > 1.5`), ids((row) => row[c.name] !== null && Number(row[c.name]) > 1.5));
  }

  async checkSchema() {
    const t = this.table;
    const described = await this.world.root.rows(`DESCRIBE ${t.name}`);
    const got = JSON.stringify(described.map((row) => [row[0], row[3], row[4]]));
    const want = JSON.stringify(t.columns.map((c) => [c.name, c.type, !(c.notNull || c.name === 'id')]));
    if (got !== want) throw new Error(`DESCRIBE\n expected ${want}\n got      ${got}`);
    const history = await this.world.root.rows(`DESCRIBE ${t.name} HISTORY`);
    const spelled = ['CREATE TABLE', ...this.plan.alters.map((a) => a.sql)];
    const changes = JSON.stringify(history.map((row, i) => (spelled[i]?.startsWith('MODIFY') ? spelled[i] : row[3])));
    const expected = JSON.stringify(spelled);
    if (changes !== expected) throw new Error(`DESCRIBE HISTORY\n expected ${expected}\n got      ${changes}`);
    for (const c of t.columns.filter((column) => column.notNull)) {
      await this.client('ann').error(`UPDATE ${t.name} SET ${c.name} = NULL WHERE id = 1`, 'NOT_NULL_VIOLATION');
    }
  }
}

// --- all of it -----------------------------------------------------------------------------------------------------------------------------
class World {
  constructor() { this.tables = 0; this.queries = 0; }

  async login() {
    this.root = await Client.login(this.server);
    this.clients = {};
    this.lives = {};
    for (const name of ['ann', 'ben']) {
      this.clients[name] = await Client.login(this.server, name, `pw-of-${name}-0123456789`);
      this.lives[name] = await this.clients[name].live();
    }
  }

  async start() {
    this.server = await Server.start({ flags: ['--limits.auth_per_second', '1000'] });
    const root = await Client.login(this.server);
    await root.ok('CREATE NAMESPACE app');
    for (const name of ['ann', 'ben']) await root.newUser(name);
    await this.login();
  }
}

const slice = Number(args.slice ?? 1);
const places = (args.places ?? 'hot,cold,mixed,compacted').split(',');
const world = new World();
await world.start();
const cells = Object.entries(cases).filter(([name]) => !args.only || name.includes(args.only))
  .flatMap(([name, plan], n) => places.flatMap((place) => ['USER', 'SHARED'].map((kind) => ({ place, kind }))).filter((_, i) => (i + n) % slice === 0)
    .map(({ place, kind }) => new Cell(world, name, plan, kind, place)));
let passed = 0;
let failed = 0;

async function each(list, life, step) {
  const queue = [...list];
  const good = [];
  await Promise.all([0, 1, 2].map(async () => {
    for (let cell = queue.shift(); cell; cell = queue.shift()) {
      try {
        await step(cell);
        passed++;
        good.push(cell);
      } catch (error) {
        failed++;
        console.log(`FAIL ${cell.label} × ${life}:\n  ${error.message.slice(0, 3000)}`);
      }
    }
  }));
  return good;
}

const built = await each(cells, 'as is', async (cell) => {
  await cell.build();
  await cell.check('at the end');
  await cell.checkLive();
  await cell.checkSchema();
});
for (const live of Object.values(world.lives)) live.socket.terminate();
try {
  await world.server.restart();
  await world.login();
  await each(built, 'after restart', async (cell) => {
    await cell.check('after the restart');
    await cell.checkSchema();
  });
  for (const live of Object.values(world.lives)) live.socket.terminate();
  await world.server.close();
} catch (error) {
  failed++;
  console.log(`FAIL ${error.stack}\n${world.server.story()}`);
  await world.server.kill();
}
console.log(`evolution: ${cells.length} tables, ${world.queries} compared queries`);
report(passed, failed);
