// What a subscription is told when the change log no longer reaches back to it: why, then a whole new snapshot.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

const wal = { 'x-durability': 'wal' };

async function resyncs(server, reason) {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`kalamdb_live_resyncs_total\\{reason="${reason}"\\} (\\d+)`).exec(text)[1]);
}

// The rows of the snapshot behind the resync, however many batches they fill.
async function afterResync(live, id) {
  for (let credit = 0; credit < 100; credit++) live.send({ type: 'next_batch', subscription_id: id });
  await live.next((f) => f.subscription_id === id && f.type === 'initial_data_batch' && f.batch_control.status === 'ready' && live.of(id).indexOf(f) > live.of(id).findIndex((g) => g.type === 'resync_required'), `the snapshot of ${id} behind its resync`);
  const frames = live.of(id);
  const from = frames.findIndex((f) => f.type === 'resync_required');
  assert.equal(frames[from + 1].batch_control.batch_num, 0);
  return frames.slice(from).filter((f) => f.type === 'initial_data_batch').flatMap((f) => f.rows);
}

test('log_truncated: who comes back to a log that has been cut forgets its rows and gets all anew', async () => {
  const server = await Server.start({ flags: ['--live.log_bytes', '1'] });
  const root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app; CREATE TABLE app.t (id INT PRIMARY KEY, body TEXT)');
  const first = await root.live();
  first.subscribe('s', 'SELECT * FROM app.t', {});
  const { seq } = await first.next((f) => f.type === 'subscription_ack', 'the ack');
  await first.close();
  let written = 0;
  // The log is over its bound all the time: it is cut within seconds, behind what has been written.
  const resumed = await until(async () => {
    await root.ok('INSERT INTO app.t VALUES ($1, $2)', [written++, 'x'.repeat(1000)], wal);
    const live = await root.live();
    live.subscribe('s', 'SELECT * FROM app.t', { from: seq });
    const frame = await live.next((f) => ['resync_required', 'change'].includes(f.type), 'the missed change or a resync');
    if (frame.type === 'resync_required') return live;
    await live.close();
    return null;
  }, 'the log to be cut');
  assert.equal(resumed.of('s').find((f) => f.type === 'resync_required').reason, 'log_truncated');
  assert.deepEqual((await afterResync(resumed, 's')).map((row) => row.id), Array.from({ length: written }, (_, i) => i));
  await root.ok('DELETE FROM app.t WHERE id = 0');
  const [change] = await resumed.count('s', 'change', 1);
  assert.equal(change.change_type, 'delete');
  assert.ok((await resyncs(server, 'log_truncated')) >= 1);
  await resumed.close();
  await server.close();
});

test('slow_reader: who does not read until the log is gone gets all anew, and nobody else notices', async () => {
  const server = await Server.start({ flags: ['--live.log_bytes', '1', '--limits.live_queue_bytes', '65536'] });
  const root = await Client.login(server);
  await root.ok('CREATE NAMESPACE app; CREATE TABLE app.t (id INT PRIMARY KEY, body TEXT)');
  const slow = await root.live();
  const quick = await root.live();
  for (const live of [slow, quick]) {
    live.subscribe('s', 'SELECT id, body FROM app.t', {});
    await live.ready('s');
  }
  slow.socket.pause();
  let written = 0;
  const write = () => root.ok('INSERT INTO app.t VALUES ($1, $2)', [written++, 'x'.repeat(60_000)], wal);
  const evicted = async () => Number(/kalamdb_live_slow_reader_evictions_total (\d+)/.exec(await (await fetch(`${server.url}/metrics`)).text())[1]);
  while ((await evicted()) === 0) await write();
  // Written after it has left memory: what it would have to be told from the log.
  await write();
  const { seq } = (await quick.count('s', 'change', written)).at(-1);
  // The log is behind that once somebody who was there cannot go on from there.
  await until(async () => {
    await write();
    const probe = await root.live();
    probe.subscribe('s', 'SELECT id FROM app.t', { from: seq });
    const frame = await probe.next((f) => ['resync_required', 'change'].includes(f.type), 'the missed change or a resync');
    await probe.close();
    return frame.type === 'resync_required';
  }, 'the log to be cut');
  slow.socket.resume();
  const resync = await slow.next((f) => f.type === 'resync_required', 'the resync of the slow reader');
  assert.equal(resync.reason, 'slow_reader');
  assert.deepEqual((await afterResync(slow, 's')).map((row) => row.id), Array.from({ length: written }, (_, i) => i));
  await quick.count('s', 'change', written);
  assert.ok(quick.of('s').every((f) => f.type !== 'resync_required'), 'the quick one is told each change');
  assert.ok((await resyncs(server, 'slow_reader')) >= 1);
  await slow.close();
  await quick.close();
  await server.close();
});
