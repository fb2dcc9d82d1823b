// A PostgreSQL server of a test's own: temporary cluster, a Unix socket only, and a client of its simple query protocol.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { once } from 'node:events';
import { until } from './server.mjs';

const installed = '/usr/lib/postgresql';

// The directory of the newest PostgreSQL's programs, or null where none is installed.
export function postgresPrograms() {
  if (!existsSync(installed)) return null;
  const versions = readdirSync(installed).map(Number).filter((v) => existsSync(path.join(installed, String(v), 'bin/initdb'))).sort((a, b) => a - b);
  return versions.length ? path.join(installed, String(versions[versions.length - 1]), 'bin') : null;
}

// PostgreSQL refuses to run as root: then it runs as the user that Debian's package made.
function asPostgres() {
  if (process.getuid() !== 0) return {};
  const id = (flag) => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout);
  return { uid: id('-u'), gid: id('-g') };
}

export class Postgres {
  static async start() {
    const server = new Postgres();
    const programs = postgresPrograms();
    const who = asPostgres();
    server.dir = mkdtempSync(path.join(tmpdir(), 'kalamdb-postgres-'));
    chmodSync(server.dir, 0o755);
    if (who.uid !== undefined) chownSync(server.dir, who.uid, who.gid);
    const data = path.join(server.dir, 'data');
    const made = spawnSync(path.join(programs, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--locale=C', '--encoding=UTF8', '--no-sync'], { ...who, cwd: server.dir, encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
    server.child = spawn(path.join(programs, 'postgres'), ['-D', data, '-k', server.dir, '-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'timezone=UTC'], { ...who, cwd: server.dir, stdio: ['ignore', 'ignore', 'pipe'] });
    server.log = '';
    server.child.stderr.on('data', (chunk) => { server.log = (server.log + chunk).slice(-50_000); });
    server.exited = once(server.child, 'exit');
    await until(async () => {
      if (server.child.exitCode !== null) throw new Error(`postgres ended: ${server.log}`);
      server.client = await PostgresClient.connect(path.join(server.dir, '.s.PGSQL.5432')).catch(() => null);
      return server.client;
    }, `PostgreSQL to answer: ${server.log}`);
    return server;
  }

  async stop() {
    this.client?.socket.destroy();
    this.child.kill('SIGINT');
    await this.exited;
    rmSync(this.dir, { recursive: true, force: true });
  }
}

class PostgresClient {
  static async connect(place) {
    const client = new PostgresClient();
    client.socket = net.connect(place);
    client.buffer = Buffer.alloc(0);
    client.messages = [];
    client.socket.on('data', (chunk) => client.take(chunk));
    client.socket.on('error', (error) => client.fail?.(error));
    client.socket.on('close', () => client.fail?.(new Error('PostgreSQL closed the connection')));
    const body = Buffer.from('user\0postgres\0database\0postgres\0\0');
    const head = Buffer.alloc(8);
    head.writeInt32BE(body.length + 8, 0);
    head.writeInt32BE(196608, 4);
    await client.exchange(Buffer.concat([head, body]));
    return client;
  }

  take(chunk) {
    this.buffer = Buffer.concat([this.buffer, chunk]);
    while (this.buffer.length >= 5) {
      const length = this.buffer.readInt32BE(1) + 1;
      if (this.buffer.length < length) return;
      const type = String.fromCharCode(this.buffer[0]);
      this.messages.push({ type, body: this.buffer.subarray(5, length) });
      this.buffer = this.buffer.subarray(length);
      if (type === 'Z') this.done?.(this.messages.splice(0));
      // Refused before it is ready: starting up.
      else if (type === 'E' && !this.ready) this.fail?.(new Error('PostgreSQL is not ready'));
    }
  }

  async exchange(bytes) {
    const reply = await new Promise((resolve, reject) => {
      this.done = resolve;
      this.fail = reject;
      this.socket.write(bytes);
    });
    this.ready = true;
    return reply;
  }

  // {rows: [[text or null …]], count} of the last statement, or {error: {sqlstate, message}}.
  async query(sql) {
    const text = Buffer.from(`${sql}\0`);
    const head = Buffer.alloc(5);
    head.write('Q');
    head.writeInt32BE(text.length + 4, 1);
    const result = { rows: [], count: 0 };
    for (const { type, body } of await this.exchange(Buffer.concat([head, text]))) {
      if (type === 'T') result.rows = [];
      if (type === 'D') result.rows.push(rowOf(body));
      if (type === 'C') result.count = Number(/(\d+)\0$/.exec(body.toString())?.[1] ?? 0);
      if (type === 'E') result.error = errorOf(body);
    }
    return result;
  }
}

function rowOf(body) {
  const row = [];
  let at = 2;
  for (let n = body.readInt16BE(0); n > 0; n--) {
    const length = body.readInt32BE(at);
    at += 4;
    row.push(length < 0 ? null : body.toString('utf8', at, at + length));
    at += Math.max(length, 0);
  }
  return row;
}

function errorOf(body) {
  const fields = Object.fromEntries(body.toString().split('\0').filter(Boolean).map((field) => [field[0], field.slice(1)]));
  return { sqlstate: fields.C, message: fields.M };
}
