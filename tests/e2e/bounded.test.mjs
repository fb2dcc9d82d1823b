// One statement may not take the server's memory or time, whatever a plain user asks: the calls that make much out of
// little, aggregates that keep rows, recursion, products, and texts that nest deep.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { patience, Server } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

const timeoutMs = 2_000;
const mostMs = 10_000 * patience;  // with a busy machine around
// The server has 512 MiB for storage and engine, the process itself some 100, more where it has many cores. A
// sanitizer keeps shadows of memory and freed blocks, and the heap of the engine's calls is not counted under it.
const mostMegabytes = patience > 1 ? 4_000 : 1_500;
const long = "(SELECT repeat('x', 5000000) s)";

const tooLarge = {
  repeat: "SELECT length(repeat('x', 3000000000))",
  'repeat of BYTES': "SELECT octet_length(repeat('x'::BLOB, 3000000000))",
  'repeat of a list': 'SELECT len(repeat([1, 2, 3], 300000000))',
  lpad: "SELECT length(lpad('x', 2000000000, 'y'))",
  rpad: "SELECT length(rpad('x', 2000000000, 'y'))",
  range: 'SELECT list_sum(range(1000000000))',
  generate_series: 'SELECT list_sum(generate_series(1, 1000000000))',
  'range of times': "SELECT len(range(TIMESTAMP '2000-01-01', TIMESTAMP '2020-01-01', INTERVAL 1 SECOND))",
  unnest: 'SELECT count(*) FROM (SELECT unnest(range(1000000000)))',
  list_resize: 'SELECT len(list_resize([1], 1000000000, 7))',
  array_resize: 'SELECT len(array_resize([1], 1000000000))',
  format: "SELECT length(format('{:1000000000d}', 5))",
  'format with a width of its own': "SELECT length(format('{:{}d}', 5, 1000000000))",
  printf: "SELECT length(printf('%1000000000d', 5))",
  'printf, precision': "SELECT length(printf('%.1000000000f', 5.0))",
  bar: 'SELECT length(bar(5, 0, 10, 1000000000))',
  replace: "SELECT length(replace(repeat('x', 1000000), 'x', repeat('y', 3000)))",
  regexp_replace: "SELECT length(regexp_replace(repeat('x', 100000), 'x', repeat('y', 30000), 'g'))",
  concat: `SELECT length(concat(${Array(40).fill('s')})) FROM ${long}`,
  concat_ws: `SELECT length(concat_ws(${Array(40).fill('s')})) FROM ${long}`,
  'doubling by ||': "WITH a AS (SELECT repeat('x', 30000000) s), b AS (SELECT s || s s FROM a), c AS (SELECT s || s s FROM b) SELECT length(s || s) FROM c",
  'doubling by list_reduce': "SELECT length(list_reduce(list_transform(range(40), x -> 'xxxxxxxxxx'), (a, b) -> a || a))",
  bitstring: "SELECT bit_length(bitstring('1', 2000000000))",
  levenshtein: "SELECT levenshtein(repeat('x', 200000), repeat('y', 200000))",
  damerau_levenshtein: "SELECT damerau_levenshtein(repeat('x', 30000), repeat('y', 30000))",
  jaro_winkler_similarity: "SELECT jaro_winkler_similarity(repeat('x', 300000), repeat('y', 300000))",
  list_distinct: 'SELECT len(list_distinct(range(8000000)))',
  list_histogram: 'SELECT cardinality(list_histogram(range(8000000)))',
  'a format of dates': "SELECT length(strftime(TIMESTAMP '2000-01-01', repeat('%A', 30000000)))",
  'a regular expression': "SELECT regexp_matches('a', repeat('(a|b)', 1000000))",
  'all matches of a pattern that reads ahead': "SELECT len(regexp_extract_all(repeat('x', 100000 + i::INT), '(x+y)|x')) FROM range(1) t(i)",
  'replaced matches of one': "SELECT length(regexp_replace(repeat('x', 100000), 'x(.*y)?', 'z', 'g'))",
  'splits by one': "SELECT len(string_split_regex(repeat('x', 100000 + i::INT), '(x+y)|x')) FROM range(1) t(i)",
  'very many matches': "SELECT len(regexp_extract_all(repeat('x', 20000000 + i::INT), '.')) FROM range(1) t(i)",
  'a call while binding': "SELECT strftime(now(), repeat('x', 3000000000))",
  'an argument of a table function': "SELECT count(*) FROM range(length(repeat('x', 3000000000)))",
  'a LIMIT': "SELECT 1 LIMIT length(repeat('x', 3000000000))",
};

// Ended by the limit of memory or of time, as the machine is.
const ended = {
  'range for each row': 'SELECT sum(len(range(1000000 + i))) FROM range(2048) t(i)',
  'upper of many': `SELECT sum(length(upper(s || i))) FROM ${long}, range(2048) t(i)`,
  string_agg: "SELECT length(string_agg(i::VARCHAR, ',')) FROM range(300000000) t(i)",
  list: 'SELECT len(list(i)) FROM range(1000000000) t(i)',
  'windows of lists': 'SELECT sum(x) FROM (SELECT list(i) OVER (ORDER BY i) l, len(l) x FROM range(100000) t(i))',
  'repeat for each row': "SELECT sum(length(repeat('x', 3000000 + i::INT))) FROM range(2048) t(i)",
  list_transform: "SELECT len(list_transform(range(8000000), x -> repeat('x', 1000)))",
  'list_reduce, long': 'SELECT list_reduce(range(8000000), (a, b) -> a + b) FROM range(100)',
  flatten: 'SELECT len(flatten(list_transform(range(30000), x -> range(30000))))',
  list_zip: 'SELECT sum(len(list_zip(range(8000000), range(8000000)))) FROM range(100)',
  'json of many': "SELECT count(json(j)) FROM (SELECT '[' || repeat('1,', 30000000) || '1]' j), range(2048)",
  'md5 of many': `SELECT count(DISTINCT md5(s || i)) FROM ${long}, range(2048) t(i)`,
  median: 'SELECT median(i) FROM range(1000000000) t(i)',
  mode: 'SELECT mode(i) FROM range(1000000000) t(i)',
  histogram: 'SELECT cardinality(histogram(i)) FROM range(1000000000) t(i)',
  entropy: 'SELECT entropy(i) FROM range(1000000000) t(i)',
  'count distinct': 'SELECT count(DISTINCT i) FROM range(1000000000) t(i)',
  'range as a table': 'SELECT count(*) FROM range(1000000000000)',
  'a product': 'SELECT count(*) FROM range(1000000000) a(i), range(1000000000) b(j) WHERE i * j = -1',
  'a product as the answer': 'SELECT * FROM range(1000000) a(i), range(1000000) b(j)',
  'a sorted product': 'SELECT * FROM range(100000) a(i), range(100000) b(j) ORDER BY i + j DESC',
  'recursion without end': 'WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r',
  'recursion that grows': 'WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r, range(2)) SELECT count(*) FROM r',
  'recursion of new rows': 'WITH RECURSIVE r AS (SELECT 1 n UNION SELECT n + 1 FROM r) SELECT count(*) FROM r',
  'CTEs that double': `WITH c0 AS (SELECT 1 x FROM range(2)), ${Array.from({ length: 40 }, (_, i) => `c${i + 1} AS (SELECT a.x FROM c${i} a, c${i} b)`)} SELECT count(*) FROM c40`,
};

const n = (length, make) => Array.from({ length }, (_, i) => make(i));
const deep = {
  'a constant list': 'SELECT len(range(8000000)), len(range(8000001)), len(range(8000002)) FROM range(1000)',
  parentheses: `SELECT ${'('.repeat(100_000)}1${')'.repeat(100_000)}`,
  additions: `SELECT ${'1+'.repeat(200_000)}1`,
  calls: `SELECT ${'abs('.repeat(50_000)}1${')'.repeat(50_000)}`,
  NOT: `SELECT ${'NOT '.repeat(100_000)}true`,
  subqueries: `SELECT * FROM ${'(SELECT * FROM '.repeat(5_000)}range(1)${')'.repeat(5_000)}`,
  scalars: `SELECT ${'(SELECT '.repeat(5_000)}1${')'.repeat(5_000)}`,
  CASE: `SELECT ${'CASE WHEN true THEN '.repeat(5_000)}1${' END'.repeat(5_000)}`,
  lists: `SELECT ${'['.repeat(20_000)}1${']'.repeat(20_000)}`,
  UNION: `SELECT 1${' UNION ALL SELECT 1'.repeat(20_000)}`,
  AND: `SELECT count(*) FROM range(5) t(i) WHERE ${'i = 1 AND '.repeat(100_000)}true`,
  OR: `SELECT count(*) FROM range(5) t(i) WHERE ${n(100_000, (i) => `i = ${i}`).join(' OR ')}`,
  'a long IN': `SELECT count(*) FROM range(1000) t(i) WHERE i IN (${n(500_000, (i) => i)})`,
  'a long NOT IN of texts': `SELECT count(*) FROM range(1000) t(i) WHERE i::VARCHAR NOT IN (${n(300_000, (i) => `'${i}'`)})`,
  'long VALUES': `SELECT count(*) FROM (VALUES ${n(300_000, (i) => `(${i})`)}) t`,
  'many tables': `SELECT count(*) FROM ${n(200, (i) => `range(2) t${i}(x${i})`)}`,
  'JSON text': "SELECT json_structure(repeat('[', 1000000) || repeat(']', 1000000))",
  'JSON in JSON': "SELECT json_contains(repeat('[', 1000000) || repeat(']', 1000000), '[1]')",
  'JSON cast': "SELECT (repeat('[', 1000000) || repeat(']', 1000000))::JSON",
};

// Runs `sql` as alice; what came, how long it took and the most the server held meanwhile.
async function measure(server, alice, sql, timeout) {
  let megabytes = 0;
  const look = () => {
    const found = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${server.child.pid}/status`, 'utf8'));
    if (found) megabytes = Math.max(megabytes, Number(found[1]) / 1024);
  };
  const timer = setInterval(look, 5);
  const start = Date.now();
  const { body } = await alice.request(sql, undefined, timeout ? { 'x-statement-timeout': String(timeout) } : {});
  clearInterval(timer);
  look();
  return { ms: Date.now() - start, megabytes, code: body.error?.code ?? 'success', message: body.error?.message };
}

async function checkAll(statements, codes, timeout) {
  const server = await Server.start({ flags: ['--memory', '512MiB'] });
  try {
    const alice = await (await Client.login(server)).newUser('alice');
    for (const [name, sql] of Object.entries(statements)) {
      const got = await measure(server, alice, sql, timeout);
      const said = `${name}: ${got.code} ${got.message ?? ''} after ${got.ms} ms with ${Math.round(got.megabytes)} MB`;
      assert.ok(codes.includes(got.code), said);
      assert.ok(got.ms < mostMs, said);
      assert.ok(got.megabytes < mostMegabytes, said);
      assert.equal(await alice.value('SELECT 1'), 1, `after ${name}`);
    }
  } finally {
    await server.close();
  }
}

test('a value that would be too large is refused before it is made', () => checkAll(tooLarge, ['TOO_LARGE']));
test('what grows ends at the limit of memory or of time', () => checkAll(ended, ['TOO_LARGE', 'TIMEOUT'], timeoutMs));
test('texts that nest deep or are long end', () => checkAll(deep, ['success', 'INVALID_SQL', 'TYPE_MISMATCH', 'TOO_LARGE', 'TIMEOUT', 'UNSUPPORTED'], timeoutMs));

test('patterns of many wildcards take no time', async () => {
  const server = await Server.start();
  const alice = await (await Client.login(server)).newUser('alice');
  for (const pattern of ["LIKE '%a%a%a%a%a%a%_b'", "ILIKE '%A%a%a%a%a%a%_b'", "GLOB '*a*a*a*a*a*a*b'", "LIKE '%a%a%a%a%a%a%_b' ESCAPE '!'"]) {
    const start = Date.now();
    assert.equal(await alice.value(`SELECT repeat('a', 3000) ${pattern}`), false, pattern);
    assert.ok(Date.now() - start < mostMs, pattern);
  }
  await server.close();
});

test('limits.value_bytes is what the configuration says', async () => {
  const server = await Server.start({ flags: ['--limits.value_bytes', '1000'] });
  const root = await Client.login(server);
  assert.equal(await root.value("SELECT length(repeat('x', 1000))"), '1000');
  assert.match((await root.error("SELECT repeat('x', 1001)", 'TOO_LARGE')).message, /limits\.value_bytes/);
  assert.deepEqual(await root.rows("SELECT value FROM system.limits WHERE name = 'limits.value_bytes'"), [['1000']]);
  await server.close();
});
