// Random INSERT, UPDATE and DELETE on a table of the model: the SQL, the codes one of which it must fail with, and what it does to the model.
import { exactText, literal, randomValue, shown, withoutSign } from './domain.mjs';
import { Predicates } from './predicates.mjs';
import { quote } from './table_model.mjs';

const keyChoices = {
  INT: (r) => BigInt(r.below(70)), BIGINT: (r) => BigInt(r.below(70)) * 5_000_000_000n, TEXT: (r) => r.pick(['a', 'b', 'ünï', 'z'.repeat(300), `k${r.below(60)}`]), DATE: (r) => 19_000 + r.below(70),
};
export const keyTypes = Object.keys(keyChoices);

// An operation: {user, m, sql, params, codes, count, returned, apply}. `apply` is called once it is acknowledged.
export class Statements {
  constructor(r) { this.r = r; }

  value(c) { return !c.notNull && this.r.below(6) === 0 ? null : randomValue(this.r, c.type); }
  key(m) { return Object.fromEntries(m.keys.map((c) => [c.id, keyChoices[c.type](this.r)])); }
  someKey(m, user) {
    const rows = [...m.rows(user).values()];
    return rows.length && this.r.below(4) ? this.r.pick(rows) : this.key(m);
  }
  predicates(m, user, avoid = new Set()) { return new Predicates(this.r, m.columns.filter((c) => !avoid.has(c.id)), m.values(user)); }
  whereKey(m, row) { return m.keys.map((c) => `${quote(c.name)} = ${literal(c.type, row[c.id])}`).join(' AND '); }

  // `avoid`: ids of columns that must not be named.
  insert(m, user, avoid = new Set()) {
    const { r } = this;
    const all = !avoid.size && r.below(4) > 0;
    const given = m.columns.filter((c) => m.keyIds.includes(c.id) || (!avoid.has(c.id) && (all || r.below(5) > 0)));
    const count = r.below(12) === 0 ? 20 + r.below(30) : 1 + r.below(4);
    const rows = Array.from({ length: count }, () => {
      const row = this.key(m);
      for (const c of m.columns) if (!(c.id in row)) row[c.id] = given.includes(c) ? this.value(c) : c.write;
      return row;
    });
    const codes = m.violations(rows);
    const seen = new Set();
    for (const row of rows) {
      const key = m.keyOf(row);
      if (m.rows(user).has(key) || seen.has(key)) codes.add('UNIQUE_VIOLATION');
      seen.add(key);
    }
    const list = all && r.below(2) ? '' : ` (${given.map((c) => quote(c.name)).join(', ')})`;
    const byParameter = count === 1 && r.below(2) === 1 && !Object.values(rows[0]).some((v) => Object.is(v, -0));   // JSON has no -0
    const sql = `INSERT INTO ${m.sql}${list} VALUES ${byParameter ? `(${given.map((_, i) => `$${i + 1}`).join(', ')})` : rows.map((row) => `(${given.map((c) => literal(c.type, row[c.id])).join(', ')})`).join(', ')}`;
    return { user, m, sql, params: byParameter ? given.map((c) => shown(c.type, rows[0][c.id])) : undefined, codes, count, apply: () => { for (const row of rows) m.put(user, row); } };
  }

  // Rows that are there again, under other keys: old rows read and new ones written in one statement.
  insertSelect(m, user) {
    if (m.keyIds.length !== 1 || m.keys[0].type !== 'INT') return null;
    const [key] = m.keys;
    const p = this.predicates(m, user).any(1);
    const shift = BigInt(1000 * (1 + this.r.below(3)));
    const rows = m.sorted(user).filter((row) => row[key.id] < 1000n && p.test(row, m) === true).map((row) => ({ ...row, [key.id]: row[key.id] + shift }));
    const codes = m.violations(rows);
    if (rows.some((row) => m.rows(user).has(m.keyOf(row)))) codes.add('UNIQUE_VIOLATION');
    const columns = m.columns.map((c) => quote(c.name));
    const sql = `INSERT INTO ${m.sql} (${columns.join(', ')}) SELECT ${m.columns.map((c) => (c.id === key.id ? `${quote(c.name)} + ${shift}` : quote(c.name))).join(', ')} FROM ${m.sql} WHERE ${quote(key.name)} < 1000 AND ${p.sql(m)}`;
    return { user, m, sql, codes, count: rows.length, apply: () => { for (const row of rows) m.put(user, row); } };
  }

  upsert(m, user) {
    const { r } = this;
    const chosen = m.data.filter(() => r.below(3) === 0);
    for (let tries = 0; tries < 8; tries++) {
      const row = this.key(m);
      for (const c of m.data) row[c.id] = this.value(c);
      if (m.violations([row]).size) continue;
      const held = m.rows(user).get(m.keyOf(row));
      const nothing = !chosen.length;
      const next = held ? { ...held, ...Object.fromEntries(chosen.map((c) => [c.id, row[c.id]])) } : row;
      const codes = held && !nothing ? m.violations([next]) : new Set();
      const action = nothing ? 'NOTHING' : `UPDATE SET ${chosen.map((c) => `${quote(c.name)} = EXCLUDED.${quote(c.name)}`).join(', ')}`;
      const sql = `INSERT INTO ${m.sql} VALUES (${m.columns.map((c) => literal(c.type, row[c.id])).join(', ')}) ON CONFLICT (${m.orderBy}) DO ${action}`;
      return { user, m, sql, codes, count: held && nothing ? 0 : 1, apply: () => { if (!held || !nothing) m.put(user, next); } };
    }
    return null;
  }

  update(m, user, avoid = new Set()) {
    const { r } = this;
    const open = m.data.filter((c) => !avoid.has(c.id));
    if (!open.length) return null;
    const sets = new Map();
    for (let i = 0; i < 1 + r.below(2); i++) {
      const c = r.pick(open);
      const twins = open.filter((other) => other.id !== c.id && other.type === c.type);
      const kind = r.below(8);
      if (kind === 0 && twins.length) { const twin = r.pick(twins); sets.set(c.id, { c, sql: quote(twin.name), of: (row) => row[twin.id] }); }
      else if (kind === 1) sets.set(c.id, { c, sql: 'DEFAULT', of: () => c.write });
      else { const v = r.below(7) === 0 ? null : randomValue(r, c.type); sets.set(c.id, { c, sql: literal(c.type, v), of: () => v }); }
    }
    const [where, chosen] = this.target(m, user, avoid);
    const next = chosen.map((row) => ({ ...row, ...Object.fromEntries([...sets.values()].map((s) => [s.c.id, s.of(row)])) }));
    const returning = !avoid.size && r.below(5) === 0;
    const sql = `UPDATE ${m.sql} SET ${[...sets.values()].map((s) => `${quote(s.c.name)} = ${s.sql}`).join(', ')} WHERE ${where}${returning ? ' RETURNING *' : ''}`;
    return { user, m, sql, codes: m.violations(next), count: next.length, returned: returning ? next.map((row) => exactText(m.shownRow(row).map(withoutSign))) : undefined, apply: () => { for (const row of next) m.put(user, row); } };
  }

  // A key moves: the old one is deleted, the new one written.
  moveKeys(m, user) {
    if (m.keyIds.length !== 1 || m.keys[0].type !== 'INT') return null;
    const [key] = m.keys;
    const p = this.predicates(m, user).any(1);
    const chosen = m.sorted(user).filter((row) => row[key.id] < 1000n && p.test(row, m) === true);
    const next = chosen.map((row) => ({ ...row, [key.id]: row[key.id] + 2000n }));
    const codes = m.violations(next);
    if (next.some((row) => m.rows(user).has(m.keyOf(row)))) codes.add('UNIQUE_VIOLATION');
    return {
      user, m, codes, count: chosen.length,
      sql: `UPDATE ${m.sql} SET ${quote(key.name)} = ${quote(key.name)} + 2000 WHERE ${quote(key.name)} < 1000 AND ${p.sql(m)}`,
      apply: () => { for (const row of chosen) m.remove(user, row); for (const row of next) m.put(user, row); },
    };
  }

  remove(m, user, avoid = new Set()) {
    const [where, chosen] = this.target(m, user, avoid);
    const returning = !avoid.size && this.r.below(6) === 0;
    return {
      user, m, sql: `DELETE FROM ${m.sql} WHERE ${where}${returning ? ' RETURNING *' : ''}`, codes: new Set(), count: chosen.length,
      returned: returning ? chosen.map((row) => exactText(m.shownRow(row))) : undefined, apply: () => { for (const row of chosen) m.remove(user, row); },
    };
  }

  target(m, user, avoid) {
    const { r } = this;
    if (r.below(2)) {
      const row = this.someKey(m, user);
      const held = m.rows(user).get(m.keyOf(row));
      return [this.whereKey(m, row), held ? [held] : []];
    }
    const p = this.predicates(m, user, avoid).any(1);
    // Few rows at a time, else deletes win.
    const some = this.predicates(m, user, new Set(m.data.map((c) => c.id))).any(0);
    const rows = m.sorted(user).filter((row) => p.test(row, m) === true && some.test(row, m) === true);
    return [`(${p.sql(m)}) AND (${some.sql(m)})`, rows];
  }

  // A statement that commutes with an ALTER of the columns `avoid`.
  beside(m, user, avoid) {
    const { r } = this;
    if (m.kind === 'STREAM') return this.insert(m, user, avoid);
    return r.pick([() => this.insert(m, user, avoid), () => this.update(m, user, avoid), () => this.remove(m, user, avoid)])();
  }
}
