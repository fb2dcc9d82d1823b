// The same random DDL, DML and queries against this server and PostgreSQL; every answer and every row count is compared.
//
//   node tests/model/postgres.mjs [--seed 1] [--seeds 1] [--steps 300] [--queries N] [--verbose]
// With --queries it goes on, seed after seed, until so many answers were compared. On a difference it prints the statements that led there.
// The server also flushes, compacts, restarts and is killed in between: PostgreSQL must not be able to tell.
import { Server } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';
import { Postgres, postgresPrograms } from '../harness/postgres.mjs';
import { random, report } from '../harness/report.mjs';
import { Expressions, familyOf, plainType, randomLiteral, types } from './sql_generator.mjs';

const args = Object.fromEntries(process.argv.slice(2).map((word, i, all) => (word.startsWith('--') ? [word.slice(2), all[i + 1]?.startsWith('--') ? true : all[i + 1] ?? true] : [])).filter((pair) => pair.length));

const forPostgres = (sql) => sql.replace(/\bDOUBLE\b(?! PRECISION)/g, 'DOUBLE PRECISION').replaceAll('app.', '');
const sameError = { '23505': 'UNIQUE_VIOLATION', '23502': 'NOT_NULL_VIOLATION', '23514': 'CHECK_VIOLATION', '42701': 'ALREADY_EXISTS', '42703': 'COLUMN_NOT_FOUND' };

const constraints = ['UNIQUE_VIOLATION', 'NOT_NULL_VIOLATION', 'CHECK_VIOLATION'];

// One value in the common form: the text that both sides give.
function canonical(value, type, ours) {
  if (value === null) return 'NULL';
  const kind = typeof type === 'object' ? Object.keys(type)[0] : type;
  switch (kind) {
    case 'Boolean': return ours ? String(value) : value === 't' ? 'true' : 'false';
    case 'Date': return String(ours ? value : Date.parse(`${value}T00:00:00Z`) / 86_400_000);
    case 'Timestamp': return String(ours ? value : Date.parse(`${value.replace(' ', 'T')}Z`) * 1000);
    case 'Double': case 'Float': return Number(Number(value).toPrecision(13)).toString().replace(/^-0$/, '0');
    case 'Decimal': return String(value).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '').replace(/^-0$/, '0');
    case 'Text': return JSON.stringify(String(value));
    default: return String(value).replace(/\.0+$/, '');
  }
}

class Table {
  constructor(name) {
    this.name = name;
    this.columns = [{ name: 'id', type: 'INT' }, { name: 'n', type: 'INT' }, { name: 's', type: 'TEXT' }];
    this.made = 0;
    this.views = [];      // {name, columns: [{name, c}]}: what they are called there, and which column it is
  }
  get data() { return this.columns.slice(1); }
  scope(alias) { return this.columns.map((c) => ({ sql: alias ? `${alias}.${c.name}` : c.name, type: c.type, name: c.name })); }
}

class Run {
  constructor(seed, steps, postgres) {
    Object.assign(this, { seed, steps, postgres, r: random(seed), trace: [], compared: 0, reset: [] });
    this.tables = [new Table('app.t'), new Table('app.u')];
  }

  async start() {
    this.server = await Server.start();
    await this.login();
    await this.client.ok('CREATE NAMESPACE app');
    for (const t of this.tables) {
      await this.postgres.client.query(`DROP TABLE IF EXISTS ${forPostgres(t.name)} CASCADE`);
      await this.both(`CREATE TABLE ${t.name} (id INT PRIMARY KEY, n INT, s TEXT, CHECK (n < 900))`);
    }
  }

  async login() { this.client = await Client.login(this.server); }

  // A statement on both sides: both succeed with the same count, or both fail for the same reason. True where it succeeded.
  async both(sql) {
    this.note(sql);
    const theirs = await this.postgres.client.query(forPostgres(sql));
    const { body } = await this.client.request(sql);
    const mine = body.error;
    if (Boolean(mine) !== Boolean(theirs.error)) throw new Error(`${sql}\n here: ${JSON.stringify(mine ?? body.results)}\n PostgreSQL: ${JSON.stringify(theirs.error ?? theirs.count)}`);
    if (mine) {
      if (mine.code === 'INTERNAL') throw new Error(`${sql}\n ${JSON.stringify(mine)}`);
      // Which of several violated constraints is named first is left open; so is whether a row that overflows comes before one that violates.
      const expected = sameError[theirs.error.sqlstate];
      const open = constraints.includes(expected) && [...constraints, 'TYPE_MISMATCH'].includes(mine.code);
      if (expected && mine.code !== expected && !open) throw new Error(`${sql}\n here: ${JSON.stringify(mine)}\n PostgreSQL: ${JSON.stringify(theirs.error)}`);
      return false;
    }
    if (/^(INSERT|UPDATE|DELETE)/.test(sql) && body.results[0].row_count !== theirs.count) throw new Error(`${sql}\n here ${body.results[0].row_count} rows, PostgreSQL ${theirs.count}`);
    if (body.results[0].rows) this.sameRows(sql, body.results[0], theirs, false);
    return true;
  }

  sameRows(sql, mine, theirs, ordered) {
    const kinds = mine.schema.map((c) => c.data_type);
    const text = (rows, ours) => {
      const lines = rows.map((row) => row.map((v, i) => canonical(v, kinds[i], ours)).join(' | '));
      return ordered ? lines : lines.sort();
    };
    const [got, want] = [text(mine.rows, true), text(theirs.rows, false)];
    this.compared++;
    if (got.join('\n') !== want.join('\n')) {
      const at = got.findIndex((line, i) => line !== want[i]);
      throw new Error(`${sql}\n here ${got.length} rows, PostgreSQL ${want.length}; first difference at ${at}:\n here:       ${got[at]}\n PostgreSQL: ${want[at < 0 ? got.length : at]}`);
    }
  }

  async query(sql, ordered) {
    this.note(sql);
    const theirs = await this.postgres.client.query(forPostgres(sql));
    const { body } = await this.client.request(sql);
    if (theirs.error || body.error) throw new Error(`${sql}\n here: ${JSON.stringify(body.error ?? 'success')}\n PostgreSQL: ${JSON.stringify(theirs.error ?? 'success')}`);
    this.sameRows(sql, body.results[0], theirs, ordered);
  }

  note(text) {
    this.trace.push(text);
    if (args.verbose) console.log(`  ${this.trace.length}: ${text.slice(0, 300)}`);
  }

  async step() {
    const { r } = this;
    const t = r.pick(this.tables);
    const pick = r.below(100);
    if (pick < 14) return this.insert(t);
    if (pick < 20) return this.upsert(t);
    if (pick < 30) return this.update(t);
    if (pick < 35) return this.remove(t);
    if (pick < 46) return this.alter(t);
    if (pick < 51) { this.note(`-- flush ${t.name}`); return this.client.ok(`STORAGE FLUSH TABLE ${t.name} WAIT`); }
    if (pick < 52 && r.below(2)) return this.view(t);
    if (pick < 53) { this.note(`-- compact ${t.name}`); return this.client.ok(`STORAGE COMPACT TABLE ${t.name} WAIT`); }
    if (pick < 54) { this.note('-- restart'); await this.server.restart(); return this.login(); }
    if (pick < 55) { this.note('-- kill'); await this.server.crash(); return this.login(); }
    return this.select(t, this.tables[this.tables[0] === t ? 1 : 0]);
  }

  values(t) { return t.columns.map((c) => (c.name === 'id' ? this.r.below(400) : this.r.below(6) === 0 ? 'NULL' : randomLiteral(this.r, c.type))); }

  // PostgreSQL also checks a row that ON CONFLICT then does not store: here such rows violate nothing.
  harmless(t) {
    return t.columns.map((c) => {
      if (c.name === 'id') return this.r.below(400);
      const text = randomLiteral(this.r, c.type);
      return Number(text) >= 900 ? '0' : text;
    });
  }

  insert(t) {
    const { r } = this;
    if (r.below(6) === 0) {
      const e = new Expressions(r, t.scope());
      return this.both(`INSERT INTO ${t.name} (${t.columns.map((c) => c.name).join(', ')}) SELECT id + ${400 + r.below(3) * 400}${t.data.map((c) => `, ${c.name}`).join('')} FROM ${t.name} WHERE ${e.predicate(1)}`);
    }
    const nothing = r.below(3) > 0;
    const some = t.columns.filter((c) => nothing || c.name === 'id' || r.below(5));
    const rows = Array.from({ length: 1 + r.below(r.below(3) ? 3 : 25) }, () => (nothing ? this.harmless(t) : this.values(t)));
    const list = rows.map((row) => `(${t.columns.map((c, i) => [c, row[i]]).filter(([c]) => some.includes(c)).map(([, v]) => v).join(', ')})`);
    return this.both(`INSERT INTO ${t.name} (${some.map((c) => c.name).join(', ')}) VALUES ${list.join(', ')}${nothing ? ' ON CONFLICT DO NOTHING' : ''}`);
  }

  upsert(t) {
    if (!t.data.length) return null;
    const c = this.r.pick(t.data);
    return this.both(`INSERT INTO ${t.name} (${t.columns.map((col) => col.name).join(', ')}) VALUES (${this.harmless(t).join(', ')}) ON CONFLICT (id) DO UPDATE SET ${c.name} = EXCLUDED.${c.name}${this.r.below(3) ? '' : ` WHERE ${t.name.slice(4)}.id < 200`}`);
  }

  update(t) {
    const { r } = this;
    if (!t.data.length) return null;
    const e = new Expressions(r, t.scope());
    const chosen = t.data.filter(() => r.below(2)).slice(0, 2);
    if (!chosen.length) chosen.push(r.pick(t.data));
    const sets = chosen.map((c) => `${c.name} = ${r.below(6) === 0 ? 'NULL' : /^(INT|BIGINT|DOUBLE|TEXT|BOOLEAN|DATE)$/.test(c.type) && r.below(2) ? e.value(familyOf(c.type), 1) : randomLiteral(r, c.type)}`);
    const back = r.below(4) ? '' : ` RETURNING ${t.columns.map((c) => c.name).join(', ')}`;
    if (r.below(8) === 0) return this.both(`UPDATE ${t.name} SET id = id + 5000 WHERE id < 400 AND ${e.predicate(1)}`);
    return this.both(`UPDATE ${t.name} SET ${sets.join(', ')} WHERE ${r.below(3) === 0 ? `id = ${r.below(400)}` : e.predicate(1)}${back}`);
  }

  remove(t) {
    const { r } = this;
    const e = new Expressions(r, t.scope());
    const where = r.below(2) ? `id = ${r.below(400)}` : `id % ${5 + r.below(9)} = ${r.below(5)} AND ${e.predicate(1)}`;
    return this.both(`DELETE FROM ${t.name} WHERE ${where}${r.below(3) ? '' : ' RETURNING id'}`);
  }

  async alter(t) {
    const { r } = this;
    const kind = r.below(10);
    const c = t.data.length ? r.pick(t.data) : null;
    const run = async (action, apply) => { if (await this.both(`ALTER TABLE ${t.name} ${action}`)) apply(); };
    if (kind <= 1 || !c) {
      const type = r.pick(Object.keys(types));
      const name = r.below(4) ? `c${++t.made}` : r.pick(['n', 's', 'x', 'y']);
      if (t.columns.length > 9) return null;
      const given = r.below(2);
      return run(`ADD COLUMN ${name} ${type}${given ? ` DEFAULT ${randomLiteral(r, type)}` : ''}${given && r.below(4) === 0 ? ' NOT NULL' : ''}`, () => t.columns.push({ name, type }));
    }
    // The CHECK goes with the column in PostgreSQL; here that needs CASCADE.
    if (kind === 2) return run(`DROP COLUMN ${c.name} CASCADE`, () => this.dropped(t, c));
    if (kind === 3) return run(`RENAME COLUMN ${c.name} TO ${c.name}_`, () => { c.name += '_'; });
    if (kind === 4 && t.data.length > 1) {
      const [a, b] = t.data;
      for (const [from, to] of [[a.name, 'swap_z'], [b.name, a.name], ['swap_z', b.name]]) await this.both(`ALTER TABLE ${t.name} RENAME COLUMN ${from} TO ${to}`);
      [a.name, b.name] = [b.name, a.name];
      return null;
    }
    if (kind === 9) return this.several(t);
    if (kind === 5) {
      // PostgreSQL refuses it while a view names the column; here the view goes on.
      await this.dropViews(t, (v) => v.columns.some((column) => column.c === c));
      const to = r.pick(types[c.type]?.widen.length ? types[c.type].widen : [c.type]);
      return run(`ALTER COLUMN ${c.name} TYPE ${to}`, () => { c.type = to; });
    }
    if (kind === 6) return run(`ALTER COLUMN ${c.name} SET NOT NULL`, () => {});
    if (kind === 7) return run(`ALTER COLUMN ${c.name} DROP NOT NULL`, () => {});
    return run(r.below(3) ? `ALTER COLUMN ${c.name} SET DEFAULT ${randomLiteral(r, c.type)}` : `ALTER COLUMN ${c.name} DROP DEFAULT`, () => {});
  }

  dropped(t, c) {
    t.columns = t.columns.filter((other) => other !== c);
    t.views = t.views.filter((v) => !v.columns.some((column) => column.c === c));
  }

  // Several actions on different columns in one statement: all or none of them.
  several(t) {
    const { r } = this;
    const actions = [];
    const made = [];
    for (const c of t.data.filter(() => r.below(2)).slice(0, 2)) {
      actions.push(`ALTER COLUMN ${c.name} ${r.pick(['SET NOT NULL', 'DROP NOT NULL', 'DROP DEFAULT', `SET DEFAULT ${randomLiteral(r, c.type)}`])}`);
    }
    for (let i = 0; i < 1 + r.below(2) && t.columns.length + i < 9; i++) {
      const type = r.pick(Object.keys(types));
      made.push({ name: `c${++t.made}`, type });
      actions.push(`ADD COLUMN c${t.made} ${type}${r.below(2) ? ` DEFAULT ${randomLiteral(r, type)}${r.below(4) ? '' : ' NOT NULL'}` : ''}`);
    }
    if (!actions.length) return null;
    return this.both(`ALTER TABLE ${t.name} ${actions.join(', ')}`).then((done) => done && t.columns.push(...made));
  }

  async view(t) {
    const { r } = this;
    if (t.views.length > 2) return this.dropViews(t, (v) => v === t.views[0]);
    const chosen = [t.columns[0], ...t.data.filter(() => r.below(3))];
    const e = new Expressions(r, chosen.map((c) => ({ sql: c.name, type: c.type })));
    const name = `app.v${(this.viewsMade = (this.viewsMade ?? 0) + 1)}`;
    if (await this.both(`CREATE VIEW ${name} AS SELECT ${chosen.map((c) => c.name).join(', ')} FROM ${t.name}${r.below(3) ? ` WHERE ${e.predicate(1)}` : ''}`)) t.views.push({ name, columns: chosen.map((c) => ({ name: c.name, c })) });
    return null;
  }

  async dropViews(t, which) {
    for (const v of t.views.filter(which)) await this.both(`DROP VIEW ${v.name}`);
    t.views = t.views.filter((v) => !which(v));
  }

  select(t, u) {
    const { r } = this;
    if (t.views.length && r.below(8) === 0) {
      const v = r.pick(t.views);
      const over = new Expressions(r, v.columns.map((c) => ({ sql: c.name, type: c.c.type })));
      return this.query(`SELECT * FROM ${v.name}${r.below(2) ? ` WHERE ${over.predicate(1)}` : ''} ORDER BY id`, true);
    }
    const subquery = (c, family) => {
      const other = u.columns.filter((col) => familyOf(col.type) === family);
      if (!other.length) return 'TRUE';
      const col = r.pick(other);
      return r.pick([`${c.sql} IN (SELECT ${col.name} FROM ${u.name} WHERE ${col.name} IS NOT NULL)`, `EXISTS (SELECT 1 FROM ${u.name} AS inner_ WHERE inner_.${col.name} = ${t.name.slice(4)}.${c.sql})`]);
    };
    const e = new Expressions(r, t.scope(), subquery);
    const any = () => e.value(familyOf(r.pick(t.columns).type), 2);
    const where = r.below(5) ? ` WHERE ${e.predicate(2)}` : '';
    const c = r.pick(t.columns);
    const numeric = t.columns.filter((col) => ['int', 'double', 'decimal'].includes(familyOf(col.type)));
    const n = r.pick(numeric).name;
    switch (r.below(11)) {
      case 0: return this.query(`SELECT * FROM ${t.name}${where} ORDER BY id${r.below(2) ? '' : ` DESC LIMIT ${r.below(8)}`}`, true);
      case 1: return this.query(`SELECT id, ${any()} AS e1, ${any()} AS e2 FROM ${t.name}${where} ORDER BY id LIMIT ${5 + r.below(50)} OFFSET ${r.below(4)}`, true);
      case 2: return this.query(`SELECT count(*), count(${c.name}), count(DISTINCT ${c.name}), sum(${n}), min(${n}), max(${n}) FROM ${t.name}${where}`, true);
      case 3: return this.query(`SELECT ${c.name}, count(*) AS n_, sum(${n}) FROM ${t.name}${where} GROUP BY ${c.name} HAVING count(*) >= ${r.below(3)} ORDER BY 2, 1 NULLS FIRST`, true);
      case 4: {
        const left = new Expressions(r, [...t.scope('a'), ...u.scope('b')]);
        const both = t.columns.flatMap((x) => u.columns.filter((y) => familyOf(x.type) === familyOf(y.type)).map((y) => `a.${x.name} = b.${y.name}`));
        return this.query(`SELECT a.id, b.id, ${left.value('int', 1)} AS e FROM ${t.name} AS a ${r.pick(['JOIN', 'LEFT JOIN', 'FULL JOIN'])} ${u.name} AS b ON ${r.pick(both)} WHERE ${left.predicate(1)}`, false);
      }
      case 5: {
        const pairs = t.columns.flatMap((x) => u.columns.filter((y) => x.type === y.type).map((y) => [x.name, y.name]));
        const [x, y] = r.pick(pairs);
        return this.query(`SELECT ${x} FROM ${t.name}${where} ${r.pick(['UNION', 'UNION ALL', 'EXCEPT', 'INTERSECT'])} SELECT ${y} FROM ${u.name}`, false);
      }
      case 6: return this.query(`SELECT id, row_number() OVER (PARTITION BY ${c.name} ORDER BY id), sum(${n}) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND CURRENT ROW), lag(id) OVER (ORDER BY id) FROM ${t.name}${where}`, false);
      case 7: return this.query(`WITH w AS (SELECT id, ${any()} AS e FROM ${t.name}${where}) SELECT count(*), count(e), min(id) FROM w WHERE id > ${r.below(200)}`, true);
      case 8: return this.query(`SELECT * FROM ${t.name} WHERE id = ${r.below(400)}`, true);
      case 9: return this.query(`SELECT id FROM ${t.name} WHERE id ${r.pick(['>', '>=', '<', '<='])} ${r.below(400)} AND ${e.predicate(1)} ORDER BY id ${r.pick(['', 'DESC'])} LIMIT ${1 + r.below(10)}`, true);
      default: return this.query(`SELECT DISTINCT ${c.name}, (SELECT max(id) FROM ${u.name}) FROM ${t.name}${where}`, false);
    }
  }

  async all() {
    await this.start();
    for (let i = 0; i < this.steps; i++) await this.step();
    for (const t of this.tables) await this.query(`SELECT * FROM ${t.name} ORDER BY id`, true);
    await this.server.close();
  }
}

let passed = 0;
let failed = 0;
let compared = 0;
if (!postgresPrograms()) {
  console.log('PostgreSQL is not installed: ./dev setup installs it');
  report(0, 1);
} else {
  const postgres = await Postgres.start();
  let seed = Number(args.seed ?? 1);
  const wanted = Number(args.queries ?? 0);
  const first = seed;
  do {
    const run = new Run(seed, Number(args.steps ?? 300), postgres);
    try {
      await run.all();
      passed++;
      console.log(`ok   postgres seed ${seed}: ${run.trace.length} statements, ${run.compared} compared answers`);
    } catch (error) {
      failed++;
      console.log(`FAIL postgres seed ${seed} after ${run.trace.length} statements:\n${error.stack}\nstatements before:\n  ${run.trace.slice(-30).map((s) => s.slice(0, 500)).join('\n  ')}\nserver log:\n${run.server?.story()}`);
      await run.server?.kill();
    }
    compared += run.compared;
    seed++;
  } while ((wanted ? compared < wanted : seed < first + Number(args.seeds ?? 1)) && !(failed && !args.continue));
  await postgres.stop();
  console.log(`postgres: ${compared} compared answers, seeds ${first} to ${seed - 1}`);
  report(passed, failed);
}
