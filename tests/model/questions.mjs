// Random SELECTs over a table of the model, and what they must answer.
import { compare, isOrdered, literal, shown, withoutSign } from './domain.mjs';
import { quote } from './table_model.mjs';

export class Questions {
  constructor(r, statements) { Object.assign(this, { r, statements }); }

  // {sql, params, rows}, or {view} where the answer to `SELECT * FROM view` is asked.
  any(m, user, views) {
    const { r } = this;
    const all = m.sorted(user);
    const star = (rows) => rows.map((row) => m.shownRow(row));
    const c = r.pick(m.columns);
    const p = this.statements.predicates(m, user).any(2);
    const fits = (row) => p.test(row, m) === true;
    switch (r.below(14)) {
      case 0: return this.byKey(m, user);
      case 1: return this.range(m, all);
      case 2: return this.aggregate(m, c, p, all.filter(fits));
      case 3: return this.group(m, c, all);
      case 4: if (views.length) return { view: r.pick(views) }; // falls through
      case 5: return { sql: `SELECT * FROM ${m.sql} WHERE ${p.sql(m)} ORDER BY ${m.orderBy}`, rows: star(all.filter(fits)) };
      case 6: return this.deleted(m, user);
      case 7: return this.byParameter(m, c, all);
      case 8: return this.join(m, p, all);
      case 9: return this.columns(m, p, all.filter(fits));
      case 10: {
        const one = this.statements.predicates(m, user).over(c);
        return { sql: `SELECT ${m.orderBy} FROM ${m.sql} WHERE ${one.sql(m)} ORDER BY ${m.orderBy}`, rows: all.filter((row) => one.test(row, m) === true).map((row) => m.shownRow(row, m.keys)) };
      }
      case 11: return this.sort(m, c, all);
      default: return { sql: `SELECT * FROM ${m.sql} ORDER BY ${m.orderBy}`, rows: star(all) };
    }
  }

  byKey(m, user) {
    const row = this.statements.someKey(m, user);
    const held = m.rows(user).get(m.keyOf(row));
    return { sql: `SELECT * FROM ${m.sql} WHERE ${m.keys.map((k, i) => `${quote(k.name)} = $${i + 1}`).join(' AND ')}`, params: m.keys.map((k) => shown(k.type, row[k.id])), rows: held ? [m.shownRow(held)] : [] };
  }

  range(m, all) {
    const { r } = this;
    const [k] = m.keys;
    const from = this.statements.key(m)[k.id];
    const down = r.below(2) === 1;
    const rows = all.filter((row) => compare(k.type, row[k.id], k.type, from) >= 0);
    if (down) rows.reverse();
    const n = 1 + r.below(8);
    return { sql: `SELECT * FROM ${m.sql} WHERE ${quote(k.name)} >= ${literal(k.type, from)} ORDER BY ${m.keys.map((key) => `${quote(key.name)}${down ? ' DESC' : ''}`).join(', ')} LIMIT ${n}`, rows: rows.slice(0, n).map((row) => m.shownRow(row)) };
  }

  aggregate(m, c, p, rows) {
    const name = quote(c.name);
    const filled = rows.map((row) => row[c.id]).filter((v) => v !== null).sort((a, b) => (isOrdered(c.type) ? compare(c.type, a, c.type, b) : 0));
    const counts = [String(rows.length), String(filled.length)];
    const where = this.r.below(2) ? p.sql(m) : null;
    if (where === null) return { sql: `SELECT count(*), count(${name}) FROM ${m.sql} WHERE ${p.sql(m)}`, rows: [counts] };
    if (!isOrdered(c.type) || ['FLOAT', 'DOUBLE'].includes(c.type)) return { sql: `SELECT count(*), count(${name}) FROM ${m.sql} WHERE ${where}`, rows: [counts] };
    return { sql: `SELECT count(*), count(${name}), min(${name}), max(${name}) FROM ${m.sql} WHERE ${where}`, rows: [[...counts, shown(c.type, filled[0] ?? null), shown(c.type, filled.at(-1) ?? null)]] };
  }

  // Values and how many rows have them; of -0 and 0 either may stand for both.
  group(m, c, all) {
    if (!isOrdered(c.type)) return { sql: `SELECT count(*) FROM ${m.sql}`, rows: [[String(all.length)]] };
    const groups = new Map();
    for (const row of all) {
      const v = withoutSign(row[c.id]);
      const key = v === null ? 'NULL' : literal(c.type, v);
      groups.set(key, { v, n: (groups.get(key)?.n ?? 0) + 1 });
    }
    const list = [...groups.values()].sort((a, b) => (a.v === null ? (b.v === null ? 0 : 1) : b.v === null ? -1 : compare(c.type, a.v, c.type, b.v)));
    const name = quote(c.name);
    const value = ['FLOAT', 'DOUBLE'].includes(c.type) ? `CASE WHEN ${name} = 0 THEN 0 ELSE ${name} END` : name;
    return { sql: `SELECT ${value}, count(*) FROM ${m.sql} GROUP BY ${name} ORDER BY ${name} NULLS LAST`, rows: list.map(({ v, n }) => [shown(c.type, v), String(n)]) };
  }

  // Deleted rows keep their last values, under the schema of now.
  deleted(m, user) {
    const rows = m.kind === 'STREAM' ? [] : [...m.deleted(user).values()].sort((a, b) => m.byKey(a, b));
    return { sql: `SELECT * FROM ${m.sql} WHERE _deleted ORDER BY ${m.orderBy}`, rows: rows.map((row) => m.shownRow(row)) };
  }

  byParameter(m, c, all) {
    if (!isOrdered(c.type)) return { sql: `SELECT count(*) FROM ${m.sql} WHERE ${quote(c.name)} IS NULL`, rows: [[String(all.filter((row) => row[c.id] === null).length)]] };
    const held = all.map((row) => row[c.id]).filter((v) => v !== null);
    const v = held.length && this.r.below(4) ? this.r.pick(held) : this.statements.value({ ...c, notNull: true });
    const [op, test] = this.r.pick([['=', (d) => d === 0], ['<>', (d) => d !== 0], ['<', (d) => d < 0], ['>=', (d) => d >= 0]]);
    return { sql: `SELECT ${m.orderBy} FROM ${m.sql} WHERE ${quote(c.name)} ${op} $1 ORDER BY ${m.orderBy}`, params: [shown(c.type, v)], rows: all.filter((row) => row[c.id] !== null && test(compare(c.type, row[c.id], c.type, v))).map((row) => m.shownRow(row, m.keys)) };
  }

  // A table with itself, over its key.
  join(m, p, all) {
    const on = m.keys.map((k) => `x.${quote(k.name)} = y.${quote(k.name)}`).join(' AND ');
    const chosen = { column: (id) => m.column(id, 'x.') };
    return { sql: `SELECT y.* FROM ${m.sql} x JOIN ${m.sql} y ON ${on} WHERE ${p.sql(chosen)} ORDER BY ${m.keys.map((k) => `y.${quote(k.name)}`).join(', ')}`, rows: all.filter((row) => p.test(row, m) === true).map((row) => m.shownRow(row)) };
  }

  columns(m, p, rows) {
    const { r } = this;
    const few = m.columns.filter(() => r.below(2));
    if (!few.length) few.push(m.columns[0]);
    const [n, skip] = [5 + r.below(10), r.below(3)];
    return { sql: `SELECT ${few.map((c) => quote(c.name)).join(', ')} FROM ${m.sql} WHERE ${p.sql(m)} ORDER BY ${m.orderBy} LIMIT ${n} OFFSET ${skip}`, rows: rows.slice(skip, skip + n).map((row) => m.shownRow(row, few)) };
  }

  sort(m, c, all) {
    if (!isOrdered(c.type)) return { sql: `SELECT ${quote(c.name)} FROM ${m.sql} ORDER BY ${m.orderBy}`, rows: all.map((row) => m.shownRow(row, [c])) };
    const down = this.r.below(2) === 1;
    const order = (a, b) => {
      const [x, y] = [a[c.id], b[c.id]];
      const d = x === null ? (y === null ? 0 : 1) : y === null ? -1 : compare(c.type, x, c.type, y) * (down ? -1 : 1);
      return d || m.byKey(a, b);
    };
    const rows = [...all].sort(order).slice(0, 12);
    return { sql: `SELECT * FROM ${m.sql} ORDER BY ${quote(c.name)} ${down ? 'DESC' : ''} NULLS LAST, ${m.orderBy} LIMIT 12`, rows: rows.map((row) => m.shownRow(row)) };
  }
}
