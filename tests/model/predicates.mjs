// Random predicates over columns by id: their SQL under the names of now, and what they say of a row of the model (true, false, or null).
import { compare, isExact, isNumeric, isOrdered, isText, kindOf, literal, randomValue } from './domain.mjs';

const operators = { '=': (d) => d === 0, '<>': (d) => d !== 0, '<': (d) => d < 0, '<=': (d) => d <= 0, '>': (d) => d > 0, '>=': (d) => d >= 0 };
const not = (v) => (v === null ? null : !v);
const and = (a, b) => (a === false || b === false ? false : a === null || b === null ? null : true);

// `table` gives names and types by id: {column(id) → {name, type}}. `values(id)`: values that rows hold, to find some of them.
export class Predicates {
  constructor(r, columns, values) { Object.assign(this, { r, columns, values }); }

  // A constant that some row may hold, in the type the column has now.
  constant(c) {
    const held = this.r.below(2) ? this.values(c.id).filter((v) => v !== null) : [];
    return held.length ? this.r.pick(held) : randomValue(this.r, c.type);
  }

  any(depth = 2) {
    const { r } = this;
    if (depth > 0 && r.below(3) === 0) {
      const [a, b] = [this.any(depth - 1), this.any(depth - 1)];
      const ids = [...a.ids, ...b.ids];
      return r.pick([
        { sql: (t) => `(${a.sql(t)} AND ${b.sql(t)})`, test: (row, t) => and(a.test(row, t), b.test(row, t)), ids },
        { sql: (t) => `(${a.sql(t)} OR ${b.sql(t)})`, test: (row, t) => not(and(not(a.test(row, t)), not(b.test(row, t)))), ids },
        { sql: (t) => `NOT (${a.sql(t)})`, test: (row, t) => not(a.test(row, t)), ids: a.ids },
      ]);
    }
    return this.over(r.pick(this.columns));
  }

  // One that names column `c`.
  over(c) {
    const { r } = this;
    const { id, type } = c;
    const name = (t) => t.column(id).sql;
    const choices = [this.isNull(c, r.below(2) === 1)];
    if (!isOrdered(type)) return choices[0];
    const v = this.constant(c);
    const compared = (op, other, otherType, text) => ({
      sql: (t) => `${name(t)} ${op} ${text}`,
      test: (row, t) => (row[id] === null ? null : operators[op](compare(t.column(id).type, row[id], otherType, other))),
      ids: [id],
    });
    const op = r.pick(Object.keys(operators));
    choices.push(compared(op, v, type, literal(type, v)), compared(op, v, type, literal(type, v)), compared('=', v, type, literal(type, v)), this.list(c), this.between(c), this.distinct(c, v), this.coalesced(c, v, op));
    if (isExact(type) && kindOf(type) !== 'DECIMAL') {
      const half = BigInt(r.below(400) - 200) * 10n + 5n;
      const far = r.pick([70_000n, -70_000n, 3_000_000_000n, 2_147_483_647n, -2_147_483_649n]);
      choices.push(compared(op, half, 'DECIMAL(10,1)', literal('DECIMAL(10,1)', half)), compared(op, far, 'BIGINT', String(far)));
    }
    if (isText(type)) choices.push(this.prefix(c));
    if (type === 'BOOLEAN') choices.push({ sql: name, test: (row) => row[id], ids: [id] });
    const twins = this.columns.filter((other) => other.id !== id && other.type === type);
    if (twins.length) choices.push(this.pair(c, r.pick(twins), op));
    return r.pick(choices);
  }

  isNull({ id }, negated) {
    return { sql: (t) => `${t.column(id).sql} IS ${negated ? 'NOT ' : ''}NULL`, test: (row) => (row[id] === null) !== negated, ids: [id] };
  }

  list(c) {
    const { r } = this;
    const { id, type } = c;
    const values = Array.from({ length: 1 + r.below(3) }, () => this.constant(c));
    const [negated, withNull] = [r.below(3) === 0, r.below(5) === 0];
    const found = (row, t) => {
      if (row[id] === null) return null;
      return values.some((v) => compare(t.column(id).type, row[id], type, v) === 0) ? true : withNull ? null : false;
    };
    return { sql: (t) => `${t.column(id).sql} ${negated ? 'NOT ' : ''}IN (${values.map((v) => literal(type, v)).join(', ')}${withNull ? ', NULL' : ''})`, test: (row, t) => (negated ? not(found(row, t)) : found(row, t)), ids: [id] };
  }

  between(c) {
    const { id, type } = c;
    const [a, b] = [this.constant(c), this.constant(c)].sort((x, y) => compare(type, x, type, y));
    return {
      sql: (t) => `${t.column(id).sql} BETWEEN ${literal(type, a)} AND ${literal(type, b)}`,
      test: (row, t) => (row[id] === null ? null : compare(t.column(id).type, row[id], type, a) >= 0 && compare(t.column(id).type, row[id], type, b) <= 0),
      ids: [id],
    };
  }

  distinct({ id, type }, v) {
    const negated = this.r.below(2) === 1;
    const other = this.r.below(6) === 0 ? null : v;
    const differs = (row, t) => (row[id] === null || other === null ? row[id] !== other : compare(t.column(id).type, row[id], type, other) !== 0);
    return { sql: (t) => `${t.column(id).sql} IS ${negated ? 'NOT ' : ''}DISTINCT FROM ${literal(type, other)}`, test: (row, t) => differs(row, t) !== negated, ids: [id] };
  }

  coalesced(c, v, op) {
    const { id, type } = c;
    const instead = this.constant(c);
    return {
      sql: (t) => `coalesce(${t.column(id).sql}, ${literal(type, instead)}) ${op} ${literal(type, v)}`,
      test: (row, t) => operators[op](row[id] === null ? compare(type, instead, type, v) : compare(t.column(id).type, row[id], type, v)),
      ids: [id],
    };
  }

  prefix({ id }) {
    const start = this.r.pick(['a', 'z', 'k', 'v', '', 'zzz', 'ÿ', 'w']);
    return { sql: (t) => `${t.column(id).sql} LIKE '${start}%'`, test: (row) => (row[id] === null ? null : row[id].startsWith(start)), ids: [id] };
  }

  pair(a, b, op) {
    return {
      sql: (t) => `${t.column(a.id).sql} ${op} ${t.column(b.id).sql}`,
      test: (row, t) => (row[a.id] === null || row[b.id] === null ? null : operators[op](compare(t.column(a.id).type, row[a.id], t.column(b.id).type, row[b.id]))),
      ids: [a.id, b.id],
    };
  }
}

// A CHECK over one or two columns; NULL passes.
export function randomCheck(r, columns) {
  const numbers = columns.filter((c) => isNumeric(c.type) && isExact(c.type));
  const texts = columns.filter((c) => isText(c.type));
  const c = r.pick(numbers);
  const bound = BigInt(300 + r.below(600));
  const choices = [{ sql: (t) => `${t.column(c.id).sql} < ${bound}`, test: (row, t) => (row[c.id] === null ? null : compare(t.column(c.id).type, row[c.id], 'INT', bound) < 0), ids: [c.id] }];
  if (texts.length) {
    const s = r.pick(texts);
    choices.push({ sql: (t) => `length(${t.column(s.id).sql}) < 250 OR ${t.column(c.id).sql} IS NULL`, test: (row) => row[c.id] === null || (row[s.id] === null ? null : [...row[s.id]].length < 250), ids: [s.id, c.id] });
  }
  return r.pick(choices);
}
