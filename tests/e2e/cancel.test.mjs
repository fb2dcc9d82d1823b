// Statements that are given up: the client goes away, the time is over, the server drains.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import net from 'node:net';
import { Server, patience, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

const long = 'SELECT count(*) FROM range(100000000) a(x), range(100000) b(y) WHERE (x * y) % 7 = 3';

async function cancelled(server) {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return text.split('\n').filter((line) => line.startsWith('kalamdb_query_latency_seconds_count') && line.includes('outcome="cancelled"')).reduce((sum, line) => sum + Number(line.split(' ').pop()), 0);
}

// A request whose client says nothing more and does not wait.
function sendAndLeave(server, token, sql) {
  const body = JSON.stringify({ sql });
  const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(`POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  return socket;
}

test('a client that goes away cancels its query; the others go on', async () => {
  const server = await Server.start();
  const root = await Client.login(server);
  const sockets = Array.from({ length: 6 }, () => sendAndLeave(server, root.token, long));
  await until(() => sockets.every((socket) => socket.bytesWritten > 0 && socket.writableLength === 0), 'the requests to leave');
  for (const socket of sockets) socket.destroy();
  await until(async () => (await cancelled(server)) === 6, 'six cancelled statements', 20_000);
  assert.equal(await root.value('SELECT count(*) FROM range(1000)'), '1000');
  await server.close();
});

test('a drain ends what runs too long, refuses what is new, and exits with 0', async () => {
  const server = await Server.start({ flags: ['--server.drain_seconds', '1'] });
  const root = await Client.login(server);
  const running = root.request(long).catch(() => ({ body: { error: { code: 'closed' } } }));
  await until(() => fetch(`${server.url}/health`).then((r) => r.status === 200), 'health');
  const start = Date.now();
  server.child.kill('SIGTERM');
  const states = new Set();
  await until(async () => {
    const reply = await fetch(`${server.url}/readyz`).catch(() => null);
    if (reply?.status === 503) states.add(await reply.text());
    return server.exit !== null;
  }, 'the end of the server', 20_000);
  assert.equal(server.exit.code, 0);
  assert.ok(Date.now() - start < 15_000 * patience, 'in bounded time');
  assert.ok([...states].some((text) => text.includes('draining')), `readyz said ${[...states]}`);
  assert.ok(['CANCELLED', 'TIMEOUT', 'DRAINING', 'closed'].includes((await running).body.error.code));
  await server.close();
});

test('a streamed reply that nobody takes gives its view up, and says so at its end', async () => {
  const server = await Server.start({ flags: ['--limits.view_idle_ms', '300'] });
  const root = await Client.login(server);
  const body = JSON.stringify({ sql: "SELECT i, repeat('x', 1000) FROM range(200000) r(i)" });
  const socket = net.connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.write(`POST /v1/api/sql HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\nAuthorization: Bearer ${root.token}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  let end = '';
  let bytes = 0;
  await new Promise((resolve) => { socket.once('readable', resolve); });  // it has begun; nothing more is taken
  const failed = async () => (await (await fetch(`${server.url}/metrics`)).text()).split('\n').some((line) => line.startsWith('kalamdb_query_latency_seconds_count') && line.includes('outcome="error"') && !line.endsWith(' 0'));
  await until(failed, 'the statement to end', 20_000);
  socket.on('data', (chunk) => { bytes += chunk.length; end = (end + chunk.toString('latin1')).slice(-1000); });
  await new Promise((resolve) => { socket.on('close', resolve); });
  assert.match(end, /"code":"SNAPSHOT_TOO_OLD".*limits\.view_idle_ms/);
  assert.ok(bytes < 100_000_000, `${bytes} bytes of 200 MB`);
  await server.close();
});
