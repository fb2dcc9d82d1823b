// The browser snippet of the README, run as it stands: it authenticates, subscribes, remembers seq and resumes after a broken connection.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { Server, until } from '../harness/server.mjs';
import { Client } from '../harness/client.mjs';

const readme = readFileSync(path.join(path.dirname(fileURLToPath(import.meta.url)), '../../README.md'), 'utf8');

test('the snippet shows what is true, through a break and a restart', async () => {
  const [, snippet] = /<!-- snippet: browser[\s\S]*?```js\n([\s\S]*?)```/.exec(readme);
  const sockets = [];
  class Browser {
    constructor(url) {
      const socket = new WebSocket(url, { perMessageDeflate: false });
      sockets.push({ socket, sent: [] });
      const record = sockets[sockets.length - 1];
      this.send = (text) => { record.sent.push(JSON.parse(text)); socket.send(text); };
      socket.on('open', () => this.onopen());
      socket.on('close', () => this.onclose());
      socket.on('error', () => {});
      socket.on('message', (data) => this.onmessage({ data: data.toString() }));
    }
  }
  let stopped = false;
  const soon = (f) => { if (!stopped) setImmediate(f); };
  const watch = new Function('WebSocket', 'setTimeout', `${snippet}; return watch;`)(Browser, soon);

  const server = await Server.start();
  const root = await Client.login(server);
  await root.ok("CREATE NAMESPACE app; CREATE TABLE app.t (id INT PRIMARY KEY, v TEXT); INSERT INTO app.t SELECT i, 'v' || i FROM range(1500) x(i)");
  let shown = [];
  watch(server.url.replace('http', 'ws'), root.token, 'SELECT * FROM app.t', ['id'], (rows) => { shown = rows; });
  await until(() => shown.length === 1500, 'the snapshot on the screen');
  await root.ok("INSERT INTO app.t VALUES (5000, 'new'); DELETE FROM app.t WHERE id < 10; UPDATE app.t SET v = 'changed' WHERE id = 20");
  await until(() => shown.length === 1491 && shown.some((row) => row.id === 20 && row.v === 'changed'), 'the changes on the screen');
  sockets[0].socket.terminate();
  await root.ok('DELETE FROM app.t WHERE id = 5000');
  await until(() => shown.length === 1490, 'what was missed, after the break');
  server.port = Number(new URL(server.url).port);
  await server.crash();
  await (await Client.login(server)).ok("INSERT INTO app.t VALUES (6000, 'after')");
  await until(() => shown.length === 1491, 'what was missed, after the restart');
  const subscriptions = sockets.flatMap(({ sent }) => sent.filter((m) => m.type === 'subscribe'));
  assert.ok(subscriptions.slice(1).every((m) => m.subscription.options.from), 'it resumed by from');
  stopped = true;
  for (const { socket } of sockets) socket.terminate();
  await server.close();
});
