// /metrics: the named metrics exist, move with the real paths, and nothing is labelled by user or connection.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Server } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

let server;
let root;
before(async () => {
  server = await Server.start();
  root = await Client.login(server);
});
after(() => server.close());

async function scrape() {
  const reply = await fetch(`${server.url}/metrics`);
  assert.equal(reply.status, 200);
  const text = await reply.text();
  const values = new Map();
  for (const line of text.split('\n')) if (line && !line.startsWith('#')) values.set(line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1)));
  return { text, values };
}
const sum = (values, name, labels = {}) => [...values].filter(([key]) => (key === name || key.startsWith(`${name}{`)) && Object.entries(labels).every(([k, v]) => key.includes(`${k}="${v}"`))).reduce((total, [, v]) => total + v, 0);

test('every metric moves with what it counts', async () => {
  const before = (await scrape()).values;
  await root.ok('CREATE NAMESPACE m; CREATE TABLE m.t (id INT PRIMARY KEY, v TEXT)');
  const live = await root.live();
  live.subscribe('s', 'SELECT * FROM m.t', {});
  await live.ready('s');
  await root.ok("INSERT INTO m.t VALUES (1, 'a'), (2, 'b')");
  await live.count('s', 'change', 1);
  await root.ok('STORAGE FLUSH TABLE m.t WAIT');
  await root.ok('ALTER TABLE m.t ADD COLUMN c INT DEFAULT 1');
  await root.rows('SELECT sum(c), max(v) FROM m.t');
  await root.rows('SELECT * FROM m.t WHERE id = 1');
  await root.error('SELECT nope FROM m.t', 'COLUMN_NOT_FOUND');
  const { values, text } = await scrape();
  const moved = (name, labels, least = 1) => assert.ok(sum(values, name, labels) - sum(before, name, labels) >= least, `${name} ${JSON.stringify(labels ?? {})}: ${sum(before, name, labels)} → ${sum(values, name, labels)}`);
  for (const type of ['select', 'insert', 'create_table', 'alter_table']) moved('kalamdb_query_latency_seconds_count', { query_type: type, outcome: 'ok', namespace: 'm', table_name: 't' });
  moved('kalamdb_query_latency_seconds_count', { query_type: 'select', outcome: 'error' });
  moved('kalamdb_flush_duration_seconds_count', { namespace: 'm', table_name: 't', outcome: 'ok' });
  moved('kalamdb_websocket_messages_total', { direction: 'in', type: 'subscribe' });
  moved('kalamdb_websocket_messages_total', { direction: 'out', type: 'change' });
  moved('kalamdb_commits_total', {}, 3);
  moved('kalamdb_commit_group_seconds_count');
  moved('kalamdb_commit_batch_size_count');
  moved('kalamdb_fsync_duration_seconds_count');
  moved('kalamdb_live_deliveries_total');
  moved('kalamdb_live_delivery_lag_seconds_count');
  moved('kalamdb_rows_read_total', { tier: 'cold' });
  moved('kalamdb_segments_total', { result: 'read' });
  moved('kalamdb_schema_changes_total', { namespace: 'm', table_name: 't' });
  moved('kalamdb_cache_misses_total', { cache: 'plan' });
  assert.equal(sum(values, 'kalamdb_live_subscriptions'), 1);
  assert.ok(sum(values, 'kalamdb_connections', { kind: 'websocket' }) >= 1);
  assert.ok(sum(values, 'kalamdb_column_family_size_bytes', { cf_type: 'hot' }) > 0);
  for (const name of ['kalamdb_oldest_view_seconds', 'kalamdb_live_queue_bytes', 'kalamdb_cache_bytes', 'kalamdb_jobs', 'kalamdb_build_info', 'process_resident_memory_bytes', 'process_cpu_seconds_total', 'process_open_fds']) {
    assert.ok([...values.keys()].some((key) => key === name || key.startsWith(`${name}{`)), `${name} is missing`);
  }
  assert.ok(!text.includes('root'), 'a user is named in /metrics');
  await live.close();
});

test('only loopback or an admin may scrape, and a request without identity is not a statement', async () => {
  const before = sum((await scrape()).values, 'kalamdb_query_latency_seconds_count');
  await fetch(`${server.url}/v1/api/sql`, { method: 'POST', body: '{"sql":"SELECT 1"}' });
  assert.equal(sum((await scrape()).values, 'kalamdb_query_latency_seconds_count'), before);
});

// What `promtool check metrics` looks at: the grammar of the text, and the conventions of names.
function lint(text) {
  const problems = [];
  const families = new Map();
  const seen = new Set();
  let current = null;
  if (!text.endsWith('\n')) problems.push('the last line does not end');
  for (const line of text.split('\n').slice(0, -1)) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
    if (comment) {
      const [, what, name, rest] = comment;
      if (what === 'HELP') {
        if (families.has(name)) problems.push(`${name} comes twice`);
        if (!rest.trim()) problems.push(`${name} has no help`);
        current = { name, samples: 0, buckets: new Map() };
        families.set(name, current);
      } else {
        if (current?.name !== name) problems.push(`TYPE of ${name} without its HELP`);
        if (!['counter', 'gauge', 'histogram'].includes(rest)) problems.push(`${name} is a ${rest}`);
        current.type = rest;
      }
      continue;
    }
    const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (\S+)$/.exec(line);
    if (!sample) { problems.push(`no sample: ${line}`); continue; }
    const [, name, labels = '', value] = sample;
    const base = current?.type === 'histogram' ? name.replace(/_(bucket|sum|count)$/, '') : name;
    if (base !== current?.name) problems.push(`${name} stands among ${current?.name}`);
    if (!/^(NaN|[+-]?Inf|[+-]?\d+(\.\d+)?(e[+-]?\d+)?)$/.test(value)) problems.push(`${name} is ${value}`);
    if (seen.has(name + labels)) problems.push(`${line} comes twice`);
    seen.add(name + labels);
    current.samples++;
    if (current.type === 'counter' && !(Number(value) >= 0)) problems.push(`${line}: a counter below zero`);
    const bound = /(?:^|,)le="([^"]*)"/.exec(labels);
    if (bound && !name.endsWith('_bucket')) problems.push(`${line}: le`);
    if (current.type !== 'histogram') continue;
    const series = labels.replace(/,?le="[^"]*"/, '');
    const state = current.buckets.get(series) ?? { bound: -Infinity, count: 0 };
    if (name.endsWith('_bucket')) {
      const next = bound[1] === '+Inf' ? Infinity : Number(bound[1]);
      if (!(next > state.bound)) problems.push(`${line}: buckets do not ascend`);
      if (Number(value) < state.count) problems.push(`${line}: counts fall`);
      Object.assign(state, { bound: next, count: Number(value) });
    } else if (name.endsWith('_count') && (state.bound !== Infinity || state.count !== Number(value))) {
      problems.push(`${line}: not what the last bucket says`);
    }
    current.buckets.set(series, state);
  }
  for (const { name, type, samples } of families.values()) {
    if (!samples) problems.push(`${name} has no samples`);
    if ((type === 'counter') !== name.endsWith('_total')) problems.push(`${name} is a ${type}: only counters end in _total, and all do`);
    if (/_(count|sum|bucket)$/.test(name)) problems.push(`${name}: suffix of a histogram`);
    if (/(^|_)(counter|gauge|histogram)(_|$)/.test(name)) problems.push(`${name}: its type in its name`);
    if (/_(ms|us|ns|milliseconds|microseconds|nanoseconds|minutes|hours|kb|mb|kilobytes|megabytes)(_|$)/.test(name)) problems.push(`${name}: not a base unit`);
    if (/[A-Z:]/.test(name)) problems.push(`${name}: not snake_case`);
  }
  return problems;
}

test('the text is clean by the rules of promtool check metrics', async () => {
  assert.deepEqual(lint((await scrape()).text), []);
  assert.ok(lint('# HELP a A.\n# TYPE a counter\na 1\n').length === 1, 'the check itself finds something');
});

test('the busiest hundred tables have names; one that loses its name adds to other, and sums never shrink', async () => {
  await root.ok('CREATE NAMESPACE busy');
  await root.ok(Array.from({ length: 110 }, (_, i) => `CREATE TABLE busy.t${i} (id INT PRIMARY KEY)`).join(';'));
  const count = 'kalamdb_query_latency_seconds_count';
  const first = (await scrape()).values;
  assert.equal(sum(first, count, { table_name: 't109' }), 0, 'the last ones came when all names were given');
  const creates = sum(first, count, { query_type: 'create_table' });
  assert.ok(creates >= 110, `${creates} in all, whoever has a name`);
  for (let i = 0; i < 30; i++) await root.ok('SELECT * FROM busy.t109 WHERE id = 1');
  const second = (await scrape()).values;
  assert.ok(sum(second, count) >= sum(first, count) + 30, 'nothing is lost when names change hands');
  assert.equal(sum(second, count, { query_type: 'create_table' }), creates);
  await root.ok('SELECT * FROM busy.t109 WHERE id = 1');
  const third = (await scrape()).values;
  assert.ok(sum(third, count, { table_name: 't109', query_type: 'select' }) >= 1, 'it has a name now');
  const names = new Set([...third.keys()].map((key) => /table_name="([^"]*)"/.exec(key)?.[1]).filter((name) => name && name !== 'other'));
  assert.ok(names.size <= 100, `${names.size} names`);
  assert.deepEqual(lint((await scrape()).text), []);
});

test('a cache of system.cache_stats has its metrics, and they move', async () => {
  await root.ok('CREATE NAMESPACE kept; CREATE TABLE kept.t (id INT PRIMARY KEY); INSERT INTO kept.t VALUES (1); STORAGE FLUSH TABLE kept.t WAIT');
  for (let i = 0; i < 3; i++) assert.equal(Number(await root.value('SELECT id FROM kept.t WHERE id = 1')), 1);
  const caches = (await root.rows('SELECT cache FROM system.cache_stats')).map((row) => row[0] ?? row.cache);
  assert.ok(caches.includes('plan') && caches.includes('footer') && caches.includes('cold_row'), caches.join());
  const { values } = await scrape();
  for (const cache of caches)
    for (const what of ['hits_total', 'misses_total', 'bytes', ...(cache === 'block' ? [] : ['evictions_total'])])
      assert.ok(values.has(`kalamdb_cache_${what}{cache="${cache}"}`), `${what} of ${cache}`);
  assert.ok(values.get('kalamdb_cache_hits_total{cache="cold_row"}') >= 1, 'the second read of a cold key');
  assert.ok(values.get('kalamdb_cache_bytes{cache="footer"}') > 0);
});

test('system tables say what they are documented to say', async () => {
  const columns = async (name) => (await root.ok(`SELECT * FROM system.${name} LIMIT 0`))[0].schema.map((c) => c.name).join(', ');
  assert.equal(await columns('users'), 'user_id, role, email, auth_type, failed_login_attempts, locked_until, last_login_at, created_at, updated_at');
  assert.equal(await columns('limits'), 'name, value, unit, scope, rejections');
  assert.equal(await columns('settings'), 'name, value, default_value, source, description');
  assert.equal(await columns('cache_stats'), 'cache, entries, bytes, max_bytes, hits, misses, evictions');
  assert.equal(await columns('tables'), 'namespace_id, table_name, table_type, table_id, storage_id, access_level, owner, version, options, comment, created_at, updated_at');
  assert.equal(await columns('columns'), 'namespace_id, table_name, version, column_id, column_name, data_type, default_value, comment, ordinal, nullable, primary_key_pos');
  assert.equal(await columns('schemas'), 'namespace_id, table_name, table_id, version, created_at, changed_by, changes, columns, is_latest');
  assert.equal(await columns('jobs'), 'job_id, job_type, namespace_id, table_name, status, parameters, progress, message, error, rows, bytes, cpu_ms, memory_bytes, node_id, created_at, started_at, finished_at');
  assert.ok(Number(await root.value("SELECT count(*) FROM system.limits WHERE name = 'limits.body_bytes'")) === 1);
  assert.ok(Number(await root.value('SELECT count(*) FROM system.settings')) > 20);
});
