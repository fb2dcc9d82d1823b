// Values of each SQL type as tests hold them: how they are written in SQL, how a reply shows them, how they compare and widen.
//
// A value is a number, string or boolean of JavaScript, or null: integers and floating numbers are numbers (all within 2^53), DECIMAL is a
// string with its decimals, DATE '2024-02-29', TIMESTAMP '2024-02-29 12:00:00'.
const day = 86_400_000;
const quoted = (v) => `'${v.replaceAll("'", "''")}'`;
const bytes = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b));
// The shortest decimal that reads back as the same FLOAT.
function shortFloat(v) {
  for (let digits = 1; digits < 10; digits++) if (Math.fround(Number(v.toPrecision(digits))) === v) return Number(v.toPrecision(digits));
  return v;
}
const numbers = (a, b) => Number(a) - Number(b);

const kinds = {
  SMALLINT: { sql: String, show: (v) => v, compare: numbers },
  INT: { sql: String, show: (v) => v, compare: numbers },
  BIGINT: { sql: String, show: String, compare: numbers },
  FLOAT: { sql: (v) => `'${v}'::FLOAT`, show: shortFloat, compare: numbers },
  DOUBLE: { sql: (v) => `${v}::DOUBLE`, show: (v) => v, compare: numbers },
  DECIMAL: { sql: String, show: (v) => v, compare: numbers },
  TEXT: { sql: quoted, show: (v) => v, compare: bytes },
  VARCHAR: { sql: quoted, show: (v) => v, compare: bytes },
  BOOLEAN: { sql: String, show: (v) => v, compare: numbers },
  DATE: { sql: (v) => `DATE '${v}'`, show: (v) => Date.parse(`${v}T00:00:00Z`) / day, compare: bytes },
  TIMESTAMP: { sql: (v) => `TIMESTAMP '${v}'`, show: (v) => Date.parse(`${v.replace(' ', 'T')}Z`) * 1000, compare: bytes },
};

export const kindOf = (type) => kinds[/^[A-Z]+/.exec(type)[0]];
export const literal = (type, v) => (v === null || v === undefined ? 'NULL' : kindOf(type).sql(v));
export const shown = (type, v) => (v === null || v === undefined ? null : kindOf(type).show(v));
export const compare = (type, a, b) => kindOf(type).compare(a, b);
const scale = (type) => Number(/,\s*(\d+)\)/.exec(type)?.[1] ?? 0);

// The value that a row written as `from` must read as once its column is `to`.
export function widened(from, to, v) {
  if (v === null || v === undefined) return null;
  if (to.startsWith('DECIMAL')) {
    if (!from.startsWith('DECIMAL')) return v.toFixed(scale(to));
    const [whole, part = ''] = v.split('.');
    return scale(to) ? `${whole}.${part.padEnd(scale(to), '0')}` : whole;
  }
  if (from === 'FLOAT' && to === 'DOUBLE') return Math.fround(v);
  if (from === 'DATE' && to === 'TIMESTAMP') return `${v} 00:00:00`;
  return v;
}

// The n-th of a fixed series of values of a type; far apart, negative ones among them.
export function sample(type, n) {
  const spread = ((n * 37) % 101) - 50;
  switch (/^[A-Z]+/.exec(type)[0]) {
    case 'SMALLINT': return spread * 600;
    case 'INT': return spread * 40_000_000;
    case 'BIGINT': return spread * 1_000_000_000_000;
    case 'FLOAT': return Math.fround(spread / 10);
    case 'DOUBLE': return spread / 8;
    case 'DECIMAL': return (spread / 4).toFixed(scale(type));
    case 'VARCHAR': return `v${Math.abs(spread)}`;
    case 'TEXT': return n % 5 === 0 ? `long ${'x'.repeat(30)}${spread}` : `t${spread} ünï`;
    case 'BOOLEAN': return spread > 0;
    case 'DATE': return new Date(Date.UTC(2024, 0, 15) + spread * day).toISOString().slice(0, 10);
    case 'TIMESTAMP': return new Date(Date.UTC(2024, 0, 15) + spread * 1_234_000).toISOString().slice(0, 19).replace('T', ' ');
    default: throw new Error(type);
  }
}
