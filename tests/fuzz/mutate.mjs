// Seeded mutations of bytes, of JSON and of SQL text.

const awkward = ['\r\n', '\0', ': ', '%', '99999999999999999999', '-1', '"', '\\u0000', 'A'.repeat(2000)].map((s) => Buffer.from(s)).concat([Buffer.from([0xff, 0xfe]), Buffer.from([0xed, 0xa0, 0x80])]);

// A few random edits: flipped bits, cut, doubled, moved and foreign pieces, and bytes that parsers trip over.
export function mutateBytes(r, bytes, others = []) {
  let out = Buffer.from(bytes);
  for (let edits = 1 + r.below(4); edits > 0 && out.length; edits--) {
    const at = r.below(out.length);
    const length = 1 + r.below(Math.min(20, out.length - at));
    switch (r.below(6)) {
      case 0: out[at] ^= 1 << r.below(8); break;
      case 1: out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]); break;
      case 2: out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]); break;
      case 3: out = Buffer.concat([out.subarray(0, at), r.pick(awkward), out.subarray(at)]); break;
      case 4: out = out.subarray(0, at + 1); break;
      default: {
        const other = others.length ? r.pick(others) : bytes;
        const from = r.below(other.length);
        out = Buffer.concat([out.subarray(0, at), other.subarray(from, from + 40), out.subarray(at + length)]);
      }
    }
  }
  return out;
}

const oddValues = [null, true, false, 0, -1, 1.5, 1e308, 9007199254740993, '', 'x', '\u0000', '\ud800', 'a'.repeat(5000), [], {}, [[[[]]]], { a: { a: {} } }, '9223372036854775808', -0, 'NaN'];

// The same value with some parts replaced, dropped, doubled or put elsewhere.
export function mutateJson(r, value, depth = 0) {
  if (r.below(8 - Math.min(depth, 4)) === 0) return r.pick(oddValues);
  if (Array.isArray(value)) {
    const out = value.map((v) => mutateJson(r, v, depth + 1));
    if (r.below(4) === 0) out.push(r.pick(oddValues));
    if (r.below(6) === 0) out.splice(0, 1);
    return out;
  }
  if (value && typeof value === 'object') {
    const out = {};
    for (const [k, v] of Object.entries(value)) {
      if (r.below(12) === 0) continue;
      out[r.below(20) === 0 ? `${k}_` : k] = mutateJson(r, v, depth + 1);
    }
    if (r.below(8) === 0) out[r.pick(['sql', 'params', 'id', 'type', 'options', 'from', 'extra', ''])] = r.pick(oddValues);
    return out;
  }
  return value;
}

export const tokensOf = (sql) => sql.match(/'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\d+|[A-Za-z_][A-Za-z0-9_]*|\d+(?:\.\d+)?|::|<=|>=|<>|\|\||\s+|./gs) ?? [];

const oddTokens = ['NULL', "''", '0', '-1', '9223372036854775807', '1e400', '*', '(', ')', ',', ';', '$1', '$99', 'DEFAULT', 'RETURNING', 'AS', 'WITH', 'RECURSIVE', 'UNION', 'SELECT', 'FROM', 'app.t', '_seq', '_deleted', '"', "'", '/*', '--', '::INT', '[1,2]', '{', "'é'",
  'OVER ()', 'LATERAL', 'EXCLUDED', 'x -> x', 'ORDER BY ALL', 'COLUMNS(*)', 'GROUP BY ALL', 'QUALIFY', 'IN', 'BETWEEN', 'IS', 'NOT', 'INTERVAL 1 DAY', 'UNNEST([1])', 'PIVOT', 'USING', 'AT (SEQ => 1)', '@', '?', ':a'];

// Statement text with tokens dropped, doubled, swapped, and taken from other statements.
export function mutateSql(r, sql, corpus) {
  const tokens = tokensOf(sql);
  for (let edits = 1 + r.below(2) + r.below(2); edits > 0 && tokens.length; edits--) {
    const at = r.below(tokens.length);
    switch (r.below(7)) {
      case 0: tokens.splice(at, 1 + r.below(3)); break;
      case 1: tokens.splice(at, 0, tokens[r.below(tokens.length)]); break;
      case 2: { const other = r.below(tokens.length); [tokens[at], tokens[other]] = [tokens[other], tokens[at]]; break; }
      case 3: tokens[at] = ` ${r.pick(oddTokens)} `; break;
      case 4: tokens.splice(at, 0, ` ${r.pick(oddTokens)} `); break;
      case 5: tokens.length = at + 1; break;
      default: {
        const other = tokensOf(r.pick(corpus));
        const from = r.below(other.length || 1);
        tokens.splice(at, 1, ...other.slice(from, from + 1 + r.below(8)));
      }
    }
  }
  return tokens.join('');
}
