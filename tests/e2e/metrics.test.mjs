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
