// Every scalar type as the model holds it: values, how SQL writes them, how replies show them, how they compare, what they widen to.
//
// A value is null or: integers and DECIMAL (its digits without the point) a BigInt, FLOAT and DOUBLE a number (NaN, infinities and -0 too), times a number
// (days or µs), BOOLEAN, text, JSON and UUID a string, BYTES a Buffer, EMBEDDING an array.
const day = 86_400_000_000;
const quoted = (v) => `'${v.replaceAll("'", "''")}'`;
const decimalParts = (type) => /\((\d+),\s*(\d+)\)/.exec(type).slice(1).map(Number);
const scaleOf = (type) => (type.startsWith('DECIMAL') ? decimalParts(type)[1] : 0);
const lengthOf = (type) => Number(/\((\d+)\)/.exec(type)?.[1] ?? 0);
export const kindOf = (type) => /^[A-Z]+/.exec(type)[0];

const isoDate = (days) => { const at = new Date(days * 86_400_000); return `${String(at.getUTCFullYear()).padStart(4, '0')}-${String(at.getUTCMonth() + 1).padStart(2, '0')}-${String(at.getUTCDate()).padStart(2, '0')}`; };
const isoTime = (us) => `${String(Math.floor(us / 3_600_000_000)).padStart(2, '0')}:${String(Math.floor(us / 60_000_000) % 60).padStart(2, '0')}:${String(Math.floor(us / 1_000_000) % 60).padStart(2, '0')}.${String(us % 1_000_000).padStart(6, '0')}`;
const isoStamp = (us) => { const days = Math.floor(us / day); return `${isoDate(days)} ${isoTime(us - days * day)}`; };

function shortFloat(v) {
  if (v === 0) return v;   // -0 too
  for (let digits = 1; digits < 10; digits++) if (Math.fround(Number(v.toPrecision(digits))) === v) return Number(v.toPrecision(digits));
  return v;
}
const floating = (v, show) => (Number.isFinite(v) ? show(v) : Number.isNaN(v) ? 'NaN' : v > 0 ? 'Infinity' : '-Infinity');
const floatText = (v) => (Object.is(v, -0) ? '-0' : floating(v, String));

function decimalText(v, scale) {
  const digits = String(v < 0n ? -v : v).padStart(scale + 1, '0');
  return `${v < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}${scale ? `.${digits.slice(digits.length - scale)}` : ''}`;
}
const power = (n) => 10n ** BigInt(n);
const big = (r, bits) => { let v = 0n; for (let i = 0; i < bits; i += 16) v = (v << 16n) | BigInt(r.below(65536)); return BigInt.asIntN(bits, v); };
const integer = (bits, common) => (r) => (r.below(6) === 0 ? r.pick([0n, -(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n, big(r, bits)]) : BigInt(r.below(common) - common / 2));
const hex = (r, n) => Array.from({ length: n }, () => '0123456789abcdef'[r.below(16)]).join('');

const kinds = {
  BOOLEAN: { random: (r) => r.below(2) === 1, sql: String, show: (v) => v },
  SMALLINT: { random: integer(16, 200), sql: String, show: Number },
  INT: { random: integer(32, 2000), sql: String, show: Number },
  BIGINT: { random: integer(64, 2000), sql: (v) => (v === -(2n ** 63n) ? `'${v}'::BIGINT` : String(v)), show: String },
  FLOAT: {
    random: (r) => Math.fround(r.below(4) === 0 ? r.pick([NaN, Infinity, -Infinity, -0, 0, 3.4028234663852886e38, 1.401298464324817e-45, 0.1]) : (r.below(4000) - 2000) / 10),
    sql: (v) => `'${floatText(v)}'::FLOAT`, show: (v) => floating(v, shortFloat),
  },
  DOUBLE: {
    random: (r) => (r.below(4) === 0 ? r.pick([NaN, Infinity, -Infinity, -0, 0, 1.7976931348623157e308, 5e-324, 0.1]) : (r.below(4000) - 2000) / 8),
    sql: (v) => `'${floatText(v)}'::DOUBLE`, show: (v) => floating(v, (x) => x),
  },
  DECIMAL: {
    random: (r, type) => {
      const [precision] = decimalParts(type);
      const most = power(precision) - 1n;
      if (r.below(6) === 0) return r.pick([0n, most, -most, 1n, -1n]);
      return big(r, 64) % power(Math.min(precision, 4 + scaleOf(type)));
    },
    sql: (v, type) => `'${decimalText(v, scaleOf(type))}'::${type}`, show: (v, type) => decimalText(v, scaleOf(type)),
  },
  TEXT: {
    random: (r) => (r.below(6) === 0 ? r.pick(['', 'z'.repeat(300), 'z'.repeat(299), 'ÿ'.repeat(200), '\u{10ffff}'.repeat(90), `${'a'.repeat(250)}${r.below(9)}`]) : r.pick(['a', 'ab', 'B', "o'clock", 'zz top', 'ünï', '🙂', 'x'.repeat(r.below(30)), `k${r.below(50)}`])),
    sql: quoted, show: (v) => v,
  },
  VARCHAR: { random: (r, type) => r.pick(['', 'p', 'q', 'Qr', 'é', `v${r.below(9)}`, 'w'.repeat(lengthOf(type))]), sql: quoted, show: (v) => v },
  BYTES: {
    random: (r) => (r.below(8) === 0 ? Buffer.alloc(100, r.below(2) ? 255 : 0) : Buffer.from(hex(r, 2 * r.below(6)), 'hex')),
    sql: (v) => `'${[...v].map((b) => `\\x${b.toString(16).padStart(2, '0').toUpperCase()}`).join('')}'::BLOB`, show: (v) => v.toString('base64'),
  },
  DATE: { random: (r) => (r.below(8) === 0 ? r.pick([-719162, 2932896, 0, -1]) : 18262 + r.below(2000)), sql: (v) => `DATE '${isoDate(v)}'`, show: (v) => v },
  TIME: { random: (r) => (r.below(8) === 0 ? r.pick([0, day - 1]) : r.below(86_400) * 1_000_000 + r.below(3)), sql: (v) => `TIME '${isoTime(v)}'`, show: (v) => v },
  TIMESTAMP: { random: (r) => (r.below(8) === 0 ? r.pick([0, -1, 1_600_000_000_000_001]) : (18262 + r.below(2000)) * day + r.below(3) * (day / 2) + r.below(2)), sql: (v) => `TIMESTAMP '${isoStamp(v)}'`, show: (v) => v },
  TIMESTAMPTZ: { random: (r) => (18262 + r.below(2000)) * day + r.below(1000) * 1000, sql: (v) => `TIMESTAMPTZ '${isoStamp(v)}+00'`, show: (v) => v },
  UUID: { random: (r) => { const h = r.below(6) === 0 ? r.pick(['0', 'f', '8']).repeat(32) : hex(r, 32); return `${h.slice(0, 8)}-${h.slice(8, 12)}-${h.slice(12, 16)}-${h.slice(16, 20)}-${h.slice(20)}`; }, sql: (v) => `'${v}'::UUID`, show: (v) => v },
  JSON: { random: (r) => r.pick(['{}', '[]', 'null', '{"a": [1, 2]}', '"text"', `{"n": ${r.below(9)}}`, '7']), sql: (v) => `'${v}'::JSON`, show: (v) => v },
  EMBEDDING: { random: (r, type) => Array.from({ length: lengthOf(type) }, () => (r.below(200) - 100) / 4), sql: (v) => `[${v.map((x) => x.toFixed(2)).join(', ')}]`, show: (v) => v },
};

// Types of new columns.
export const columnTypes = ['BOOLEAN', 'SMALLINT', 'INT', 'BIGINT', 'FLOAT', 'DOUBLE', 'DECIMAL(4,1)', 'DECIMAL(9,2)', 'DECIMAL(18,4)', 'DECIMAL(30,6)', 'TEXT', 'VARCHAR(5)', 'BYTES', 'DATE', 'TIME', 'TIMESTAMP', 'TIMESTAMPTZ', 'UUID', 'JSON', 'EMBEDDING(3)',
  'SMALLINT', 'INT', 'FLOAT', 'DECIMAL(9,2)', 'VARCHAR(5)', 'DATE'];
export const isNumeric = (type) => ['SMALLINT', 'INT', 'BIGINT', 'FLOAT', 'DOUBLE', 'DECIMAL'].includes(kindOf(type));
export const isExact = (type) => ['SMALLINT', 'INT', 'BIGINT', 'DECIMAL'].includes(kindOf(type));
export const isText = (type) => ['TEXT', 'VARCHAR'].includes(kindOf(type));
export const isOrdered = (type) => !['JSON', 'EMBEDDING'].includes(kindOf(type));
export const randomValue = (r, type) => kinds[kindOf(type)].random(r, type);
export const literal = (type, v) => (v === null ? 'NULL' : kinds[kindOf(type)].sql(v, type));
export const shown = (type, v) => (v === null ? null : kinds[kindOf(type)].show(v, type));

// -1, 0 or 1: values of types that the engine compares with each other. NaN is the greatest, -0 is 0.
export function compare(typeA, a, typeB, b) {
  const less = (x, y) => (x < y ? -1 : x > y ? 1 : 0);
  if (isExact(typeA) && isExact(typeB)) {
    const scale = Math.max(scaleOf(typeA), scaleOf(typeB));
    return less(a * power(scale - scaleOf(typeA)), b * power(scale - scaleOf(typeB)));
  }
  if (isNumeric(typeA)) {
    const number = (type, v) => (kindOf(type) === 'DECIMAL' ? Number(decimalText(v, scaleOf(type))) : Number(v));
    const [x, y] = [number(typeA, a), number(typeB, b)];
    return Number.isNaN(x) || Number.isNaN(y) ? Number(Number.isNaN(x)) - Number(Number.isNaN(y)) : less(x, y);
  }
  switch (kindOf(typeA)) {
    case 'TEXT': case 'VARCHAR': return Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    case 'BYTES': return Math.sign(Buffer.compare(a, b));
    case 'DATE': case 'TIMESTAMP': return less(typeA === 'DATE' ? a * day : a, typeB === 'DATE' ? b * day : b);
    default: return less(a, b);
  }
}

// A random type that a column of `type` may become; null where there is none.
export function randomWidening(r, type) {
  const decimal = (whole) => { const scale = r.below(5); return `DECIMAL(${Math.min(38, whole + r.below(3)) + scale},${scale})`; };
  switch (kindOf(type)) {
    case 'SMALLINT': return r.pick(['INT', 'BIGINT', 'DOUBLE', decimal(5)]);
    case 'INT': return r.pick(['BIGINT', 'DOUBLE', decimal(10)]);
    case 'BIGINT': return decimal(19);
    case 'FLOAT': return 'DOUBLE';
    case 'DECIMAL': {
      const [precision, scale] = decimalParts(type);
      const more = Math.min(r.below(4), 38 - precision);
      const [p, s] = [precision + more, scale + r.below(more + 1)];
      return p === precision ? null : `DECIMAL(${p},${s})`;
    }
    case 'VARCHAR': return r.pick(['TEXT', `VARCHAR(${lengthOf(type) + 1 + r.below(20)})`]);
    case 'DATE': return 'TIMESTAMP';
    default: return null;
  }
}

// A type that a column of `type` may never become.
export function refusedType(r, type) {
  const never = { SMALLINT: ['FLOAT', 'TEXT', 'DECIMAL(4,0)', 'BOOLEAN'], INT: ['SMALLINT', 'FLOAT', 'DECIMAL(10,1)', 'TEXT'], BIGINT: ['INT', 'DOUBLE', 'DECIMAL(19,2)'], FLOAT: ['INT', 'DECIMAL(30,2)'], DOUBLE: ['FLOAT', 'DECIMAL(30,2)', 'BIGINT'],
    DECIMAL: ['DOUBLE', 'INT', 'DECIMAL(3,1)'], TEXT: ['INT', 'VARCHAR(9)', 'JSON', 'UUID'], VARCHAR: ['VARCHAR(1)', 'INT'], DATE: ['TIMESTAMPTZ', 'TEXT', 'INT'], TIMESTAMP: ['TIMESTAMPTZ', 'DATE'], TIMESTAMPTZ: ['TIMESTAMP'], BOOLEAN: ['INT'], BYTES: ['TEXT'], TIME: ['TIMESTAMP'], UUID: ['TEXT'], JSON: ['TEXT'], EMBEDDING: ['TEXT'] };
  return r.pick(never[kindOf(type)]);
}

// The value that a row written as `from` must read as once its column is `to`.
export function widened(from, to, v) {
  if (v === null || from === to) return v;
  if (isExact(from) && isExact(to)) return v * power(scaleOf(to) - scaleOf(from));
  if (to === 'DOUBLE') return Number(v);
  return from === 'DATE' && to === 'TIMESTAMP' ? v * day : v;
}

// A value as a reply showed it, as the model holds it.
export function parsed(type, text) {
  if (text === null) return null;
  switch (kindOf(type)) {
    case 'SMALLINT': case 'INT': case 'BIGINT': return BigInt(text);
    case 'FLOAT': return Math.fround(Number(text));
    case 'DOUBLE': return Number(text);
    case 'DECIMAL': return BigInt(text.replace('.', ''));
    case 'BYTES': return Buffer.from(text, 'base64');
    default: return text;
  }
}

// Text that is equal exactly where two shown values are: JSON, but -0 is not 0 (in the middle of other comparisons it is).
export const exactText = (value) => JSON.stringify(value, (_, v) => (Object.is(v, -0) ? '(-0)' : v));
export const withoutSign = (v) => (v === 0 ? 0 : v);   // 0 for -0
