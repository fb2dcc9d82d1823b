// Random SQL in the part of the language where PostgreSQL and this server agree by design: no division, no overflow, no order that is left open.
import { literal } from '../evolution/values.mjs';

export const types = {
  SMALLINT: { family: 'int', random: (r) => r.below(200) - 100, widen: ['INT', 'BIGINT', 'DOUBLE', 'DECIMAL(12,2)'] },
  INT: { family: 'int', random: (r) => r.below(2000) - 1000, widen: ['BIGINT', 'DOUBLE', 'DECIMAL(14,2)'] },
  BIGINT: { family: 'int', random: (r) => (r.below(4) ? r.below(2000) - 1000 : (r.below(2_000_000) - 1_000_000) * 1_000_000), widen: ['DECIMAL(22,2)'] },
  DOUBLE: { family: 'double', random: (r) => (r.below(4000) - 2000) / 4, widen: [] },
  'DECIMAL(10,2)': { family: 'decimal', random: (r) => ((r.below(20_000) - 10_000) / 100).toFixed(2), widen: ['DECIMAL(14,4)'] },
  TEXT: { family: 'text', random: (r) => r.pick(['', 'a', 'ab', 'B', "o'clock", 'zz top', 'ünï', 'x'.repeat(r.below(30)), `k${r.below(50)}`]), widen: [] },
  'VARCHAR(20)': { family: 'text', random: (r) => r.pick(['p', 'q', 'Q r', `v${r.below(30)}`]), widen: ['VARCHAR(40)', 'TEXT'] },
  BOOLEAN: { family: 'bool', random: (r) => r.below(2) === 1, widen: [] },
  DATE: { family: 'date', random: (r) => new Date(Date.UTC(2020, 0, 1) + r.below(2000) * 86_400_000).toISOString().slice(0, 10), widen: ['TIMESTAMP'] },
  TIMESTAMP: { family: 'timestamp', random: (r) => new Date(Date.UTC(2020, 0, 1) + r.below(100_000_000) * 1000).toISOString().slice(0, 19).replace('T', ' '), widen: [] },
};
// What a type became by widening keeps the values of the type it came from.
export const plainType = (type) => (type in types ? type : type.startsWith('DECIMAL') ? 'DECIMAL(10,2)' : 'VARCHAR(20)');
export const familyOf = (type) => types[plainType(type)].family;
const families = { int: 'INT', double: 'DOUBLE', decimal: 'DECIMAL(10,2)', text: 'TEXT', bool: 'BOOLEAN', date: 'DATE', timestamp: 'TIMESTAMP' };

export function randomLiteral(r, type) {
  const plain = plainType(type);
  return literal(plain, types[plain].random(r)).replace('::DOUBLE', '::DOUBLE PRECISION');
}

// Expressions over the columns of `scope`: [{sql, type}].
export class Expressions {
  constructor(r, scope, subquery) { Object.assign(this, { r, scope, subquery }); }

  column(family) {
    const fitting = this.scope.filter((c) => familyOf(c.type) === family);
    return fitting.length ? this.r.pick(fitting) : null;
  }

  // A constant that some row may hold; a bound now and then one that no row can.
  constant(family) { return randomLiteral(this.r, families[family]); }

  bound(family) {
    if (family === 'int' && this.r.below(8) === 0) return this.r.pick(['70000', '-70000', '3000000000', '2147483647']);
    return this.constant(family);
  }

  leaf(family) {
    const c = this.column(family);
    return c && this.r.below(4) ? c.sql : this.constant(family);
  }

  value(family, depth = 2) {
    const { r } = this;
    if (depth === 0 || r.below(3) === 0) return this.leaf(family);
    const again = () => this.value(family, depth - 1);
    const shared = [() => `coalesce(${again()}, ${this.constant(family)})`, () => `CASE WHEN ${this.predicate(depth - 1)} THEN ${again()} ELSE ${again()} END`, () => `nullif(${again()}, ${this.leaf(family)})`];
    const own = {
      int: [() => `(${this.leaf('int')} + ${again()})`, () => `(${again()} - ${this.leaf('int')})`, () => `(${again()} * ${r.below(3) - 1})`, () => `abs(${again()})`, () => `length(${this.value('text', 0)})`, () => `(${again()} % ${r.below(9) + 1})`],
      double: [() => `(${again()} + ${this.leaf('double')})`, () => `(${again()} * 2)`, () => `abs(${again()})`],
      decimal: [() => `(${again()} + ${this.leaf('decimal')})`, () => `(- ${again()})`],
      text: [() => `(${again()} || ${this.leaf('text')})`, () => `substr(${again()}, ${r.below(3) + 1}, ${r.below(5)})`, () => `replace(${again()}, 'a', 'bb')`, () => `trim(${again()})`, () => `reverse(${this.leaf('text')})`],
      bool: [() => `(${this.predicate(depth - 1)})`],
      date: [() => `(${this.leaf('date')} + ${r.below(40)})`],
      timestamp: [],
    }[family];
    return r.pick([...shared, ...own, ...own])();
  }

  predicate(depth = 2) {
    const { r } = this;
    if (depth > 0 && r.below(3) === 0) return r.pick([() => `(${this.predicate(depth - 1)} AND ${this.predicate(depth - 1)})`, () => `(${this.predicate(depth - 1)} OR ${this.predicate(depth - 1)})`, () => `NOT (${this.predicate(depth - 1)})`])();
    const c = r.pick(this.scope);
    const family = familyOf(c.type);
    const choices = [
      () => `${c.sql} ${r.pick(['=', '<>', '<', '<=', '>', '>='])} ${this.bound(family)}`,
      () => `${c.sql} ${r.pick(['=', '<>', '<', '<=', '>', '>='])} ${this.value(family, depth)}`,
      () => `${c.sql} BETWEEN ${this.bound(family)} AND ${this.bound(family)}`,
      () => `${c.sql} ${r.pick(['', 'NOT '])}IN (${this.constant(family)}, ${this.constant(family)}${r.below(4) ? '' : ', NULL'})`,
      () => `${c.sql} IS ${r.pick(['', 'NOT '])}NULL`,
      () => `${c.sql} IS ${r.pick(['', 'NOT '])}DISTINCT FROM ${this.leaf(family)}`,
    ];
    if (family === 'text') choices.push(() => `${c.sql} ${r.pick(['', 'NOT '])}LIKE '${r.pick(['a%', '%b%', 'k_', '%', 'v1%', '_'])}'`);
    if (family === 'bool') choices.push(() => c.sql, () => `NOT ${c.sql}`);
    if (family === 'int') choices.push(() => `${c.sql} > ${r.below(300)}.5`, () => `${c.sql} = ${this.leaf('int')}`);
    if (this.subquery && depth === 2 && r.below(6) === 0) choices.push(() => this.subquery(c, family));
    return r.pick(choices)();
  }
}
